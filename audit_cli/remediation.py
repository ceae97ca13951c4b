"""Applying a remediation plan: what is due is shown, taken key by key, and told."""

from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from audit_cli import console
from audit_cli.confirmation import confirm
from audit_cli.event_wording import describe
from audit_cli.failures import COULD_NOT, tell
from audit_cli.options import Options
from audit_cli.reports import remediation as report
from audit_cli.reports.remediation import Outcome
from audit_cli.session import clock, open_session
from audit_cli.values import Format
from ledger.actor import require_admin
from ledger.errors import InvalidInput, LedgerUnavailable, Refused
from ledger.remediation import PlanFile, Remediation, Taken, steps_taken
from projections.remediation.plan import Plan, PlannedKey
from projections.remediation.plan_text import parse_plan, policy_of_plan
from projections.remediation.standing import (
    Changed,
    Done,
    Due,
    Judge,
    Known,
    Verdict,
    Waits,
    due,
    stages_left,
    version_after,
)

if TYPE_CHECKING:
    from audit_cli.session import Session
    from projections.view import View

MAX_PLAN_BYTES = 64 * 1024 * 1024


def apply_plan(options: Options, path: Path, form: Format, *, yes: bool, dry_run: bool) -> None:
    """Take the due steps of a plan's file, or show them; leaves with 1 where a key was left alone."""
    plan, file = read_plan(path)
    with open_session(options) as session:
        if plan.organization != session.organization.name:
            raise InvalidInput(
                f"{path} is a plan for {plan.organization!r}, not for {session.organization.name!r}"
            )
        if not dry_run:
            require_admin(session.actor, "apply remediation plans")
        outcomes = _judged(session, plan)
        if any(isinstance(outcome.verdict, Due) for outcome in outcomes):
            if dry_run:
                _show(form, report.steps_table(outcomes))
            else:
                _confirm(outcomes, yes=yes)
                _take_all(session, plan, file, outcomes, form)
    _tell(plan, file, outcomes, form, dry_run=dry_run)
    if any(isinstance(outcome.verdict, Changed) for outcome in outcomes):
        raise typer.Exit(COULD_NOT)


def read_plan(path: Path) -> tuple[Plan, PlanFile]:
    """The plan of a file; leaves with one line for each of its faults."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_PLAN_BYTES + 1)
        text = content.decode()
    except OSError as error:
        raise LedgerUnavailable(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InvalidInput(f"{path} is not UTF-8 text, and so no plan") from None
    if len(content) > MAX_PLAN_BYTES:
        raise InvalidInput(f"{path} has more than {MAX_PLAN_BYTES >> 20} MB, and so is no plan")
    plan, faults = parse_plan(text)
    for line, message in faults:
        tell(f"{path}:{line}: {message}")
    if plan is None:
        raise typer.Exit(COULD_NOT)
    return plan, PlanFile(plan.plan_id, sha256(content).digest())


def _judged(session: "Session", plan: Plan) -> list[Outcome]:
    """How each key stands before anything is done."""
    taken = {
        key.key_id: steps_taken(session.ledger, session.organization, plan.plan_id, key.key_id)
        for key in plan.key
    }
    left = [key.key_id for key in plan.key if stages_left(key, taken[key.key_id])]
    with session.view(of_now=True) as view:
        as_of = session.now if view.as_of is None else view.as_of
        records = {record.id: record for record in view.records()}
        since = {key_id: plan.impact_since for key_id in left if key_id in records}
        known = Known(records, view.versions(left), view.callers(since), as_of)
        judge = Judge(plan, policy_of_plan(plan), known)
        outcomes = [
            Outcome(key, taken[key.key_id], judge.verdict(key, taken[key.key_id])) for key in plan.key
        ]
        for outcome in outcomes:
            # Whoever applies the same plan at the same time may have taken a step in between.
            if isinstance(outcome.verdict, Changed) and not _caught_up(session, plan, outcome):
                outcome.verdict = _explained(view, outcome.key, outcome.verdict)
    return outcomes


def _caught_up(session: "Session", plan: Plan, outcome: Outcome) -> bool:
    """Whether the plan took more steps than were known; then what was seen is no change to it."""
    taken = steps_taken(session.ledger, session.organization, plan.plan_id, outcome.key.key_id)
    if len(taken) == len(outcome.taken):
        return False
    outcome.taken, outcome.verdict = taken, _after(outcome.key, taken)
    return True


def _explained(view: "View", key: PlannedKey, changed: Changed) -> Changed:
    """Where a key's life went on without the plan: what happened and by whom."""
    if changed.after is None:
        return changed
    people, after = view.people(), changed.after
    happened = [
        describe(told.event, people)
        for told in view.timeline(key.key_id)
        if told.stream_id == key.key_id and told.version > after
    ]
    return Changed("; ".join(happened) or changed.reason, after)


def _confirm(outcomes: Sequence[Outcome], *, yes: bool) -> None:
    if yes:
        return
    if console.is_interactive():
        console.note(report.steps_table(outcomes))
    confirm(report.question(outcomes))


def _take_all(
    session: "Session", plan: Plan, file: PlanFile, outcomes: Sequence[Outcome], form: Format
) -> None:
    remediation = Remediation(session.ledger, session.organization, session.actor, file)
    for outcome in outcomes:
        for step in _take(session, plan, remediation, outcome):
            _show(form, report.line_of_step(outcome, step))


def _take(session: "Session", plan: Plan, remediation: Remediation, outcome: Outcome) -> Iterator[Taken]:
    """Take what is due on a key, one step after the other where nothing is to be waited for in between."""
    key = outcome.key
    while isinstance(outcome.verdict, Due):
        version, earlier = version_after(key, outcome.taken), len(outcome.taken)
        try:
            step = remediation.take(
                session.key(key.id),
                outcome.verdict.stage.step,
                key.rules,
                version=version,
                earlier=earlier,
            )
        except Refused as error:
            if not _caught_up(session, plan, outcome):
                outcome.verdict = Changed(str(error))
        else:
            outcome.taken = [*outcome.taken, step]
            outcome.now.append(step)
            outcome.verdict = _after(key, outcome.taken)
            yield step


def _after(key: PlannedKey, taken: Sequence[Taken]) -> Verdict:
    left = stages_left(key, taken)
    return due(left[0], taken[-1].at, clock()) if left else Done()


def _show(form: Format, text: str) -> None:
    if form == "table":
        console.result(text)


def _tell(plan: Plan, file: PlanFile, outcomes: Sequence[Outcome], form: Format, *, dry_run: bool) -> None:
    """Say what was not done and why, and all of it for machines where that is wanted."""
    for outcome in outcomes:
        if isinstance(outcome.verdict, Changed):
            tell(report.refusal(outcome.key, outcome.verdict.reason))
        elif isinstance(outcome.verdict, Waits) and not outcome.now:
            console.note(report.waiting(outcome.key, outcome.verdict))
    for line in report.by_hand(plan):
        console.note(line)
    console.note(report.summary(plan, outcomes, dry_run=dry_run))
    if form == "json":
        console.result_json(report.outcomes_object(plan, file, outcomes, dry_run=dry_run))
