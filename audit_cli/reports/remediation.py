"""What became of a remediation plan, as people and machines read it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from audit_cli import console
from audit_cli.reports.terminal import printable
from audit_cli.wording import counted, moment
from ledger.audit_events import RemediationStep
from ledger.moments import format_moment
from ledger.remediation import PlanFile, Taken
from projections.key_record import MINTED_HERE
from projections.remediation.plan import Plan, PlannedCaller, PlannedKey, Stage
from projections.remediation.standing import Changed, Done, Due, Verdict, Waits

SCHEMA = "keyledger.remediation/1"

_SHORT = 8
_LISTED = 3
_LISTED_BY_HAND = 20
_OURS = "keyledger "
_PAST = {
    RemediationStep.WARN: "warned",
    RemediationStep.DISABLE: "disabled",
    RemediationStep.REVOKE: "revoked",
}


class Outcome(msgspec.Struct):
    """A key of a plan: the steps that were taken on it, those of them just now, and how it stands."""

    key: PlannedKey
    taken: list[Taken]
    verdict: Verdict
    now: list[Taken] = msgspec.field(default_factory=list)


def steps_table(outcomes: Iterable[Outcome]) -> str:
    """The steps that are due, and whom they hurt."""
    rows = [
        (stage.step, outcome.key.name, outcome.key.id[:_SHORT], outcome.key.owner, _callers(outcome.key))
        for outcome in outcomes
        for stage in _due(outcome)
    ]
    return console.table(("Step", "Key", "Id", "Owner", "Callers"), rows, flexible=(1, 3, 4))


def question(outcomes: Iterable[Outcome]) -> str:
    """`Warn of the end of 2 keys, revoke 1 key?`."""
    counts = Counter(stage.step for outcome in outcomes for stage in _due(outcome))
    parts = [f"{_VERBS[step]} {counted(counts[step], 'key')}" for step in RemediationStep if counts[step]]
    text = ", ".join(parts)
    return f"{text[:1].upper()}{text[1:]}?"


_VERBS = {
    RemediationStep.WARN: "announce the end of",
    RemediationStep.DISABLE: "disable",
    RemediationStep.REVOKE: "revoke for good",
}


def line_of_step(outcome: Outcome, step: Taken) -> str:
    """A step that was taken, and what comes next."""
    warned_of = step.step is RemediationStep.WARN and outcome.key.owner
    owner = f" of {printable(outcome.key.owner or '')}" if warned_of else ""
    followed = outcome.verdict
    then = ""
    if isinstance(followed, Waits):
        then = f"; {followed.stage.step} from {moment(followed.until)} on"
    return f"{_PAST[step.step].capitalize()} {_named(outcome.key)}{owner}{then}.\n"


def refusal(key: PlannedKey, reason: str) -> str:
    """Why a key was left alone."""
    return f"{_named(key)} was left alone, changed since the plan was made: {printable(reason)}"


def waiting(key: PlannedKey, waits: Waits) -> str:
    """When the next step of a key may be."""
    return f"{_named(key)} waits: {waits.stage.text}, so not before {moment(waits.until)}."


def by_hand(plan: Plan) -> Iterator[str]:
    """What keyledger cannot do, since the keys were minted elsewhere."""
    elsewhere = [
        (each, finding.remedy)
        for each in plan.by_hand
        for finding in each.findings
        if finding.remedy and each.source != MINTED_HERE and not finding.remedy.startswith(_OURS)
    ]
    told = list(
        dict.fromkeys(f"{each.name}, minted by {each.source}: {remedy}" for each, remedy in elsewhere)
    )
    if told:
        yield "This cannot be done by keyledger; by hand:"
    yield from (f"  {printable(line)}" for line in told[:_LISTED_BY_HAND])
    if len(told) > _LISTED_BY_HAND:
        yield f"  and {len(told) - _LISTED_BY_HAND:,} more, which the plan has"


def summary(plan: Plan, outcomes: Sequence[Outcome], *, dry_run: bool) -> str:
    """The plan in numbers."""
    taken = Counter(step.step for outcome in outcomes for step in outcome.now)
    parts = [f"{taken[step]} {_PAST[step]}" for step in RemediationStep if taken[step]]
    due = sum(isinstance(outcome.verdict, Due) for outcome in outcomes)
    waits = [outcome.verdict.until for outcome in outcomes if isinstance(outcome.verdict, Waits)]
    if due:
        parts.append(f"{due} due")
    if waits:
        parts.append(f"{len(waits)} waiting, the first until {moment(min(waits))}")
    for count, word in (
        (sum(isinstance(outcome.verdict, Changed) for outcome in outcomes), "left alone"),
        (sum(isinstance(outcome.verdict, Done) for outcome in outcomes), "through"),
        (len(plan.by_hand), "to be seen to by hand"),
    ):
        if count:
            parts.append(f"{count} {word}")
    nothing = " Nothing was changed." if dry_run else ""
    return f"Plan {plan.id[:_SHORT]}: {', '.join(parts) or 'no keys'}.{nothing}"


def outcomes_object(
    plan: Plan, file: PlanFile, outcomes: Iterable[Outcome], *, dry_run: bool
) -> dict[str, object]:
    """What became of a plan, for machines."""
    return {
        "schema": SCHEMA,
        "organization": plan.organization,
        "plan": plan.id,
        "plan_sha256": file.sha256.hex(),
        "dry_run": dry_run,
        "keys": [_object(outcome) for outcome in outcomes],
        "by_hand": [
            {"key_id": each.id, "key_name": each.name, "rule": finding.rule, "remedy": finding.remedy}
            for each in plan.by_hand
            for finding in each.findings
        ],
    }


def _object(outcome: Outcome) -> dict[str, object]:
    verdict = outcome.verdict
    step = verdict.stage.step if isinstance(verdict, Due | Waits) else None
    return {
        "key_id": outcome.key.id,
        "key_name": outcome.key.name,
        "taken": [{"step": each.step, "at": format_moment(each.at)} for each in outcome.taken],
        "taken_now": [each.step for each in outcome.now],
        "standing": _STANDINGS[type(verdict)],
        "next_step": step,
        "next_at": format_moment(verdict.until) if isinstance(verdict, Waits) else None,
        "reason": verdict.reason if isinstance(verdict, Changed) else None,
    }


_STANDINGS: dict[type[Verdict], str] = {Done: "through", Due: "due", Waits: "waiting", Changed: "changed"}


def _due(outcome: Outcome) -> Iterator[Stage]:
    if isinstance(outcome.verdict, Due):
        yield outcome.verdict.stage


def _named(key: PlannedKey) -> str:
    return f"{printable(key.name)} ({key.id[:_SHORT]})"


def _callers(key: PlannedKey) -> str:
    if not key.callers:
        return "nobody"
    more = f" and {len(key.callers) - _LISTED} more" if len(key.callers) > _LISTED else ""
    return ", ".join(map(_caller, key.callers[:_LISTED])) + more


def _caller(caller: PlannedCaller) -> str:
    refused = f", refused {caller.refused}" if caller.refused else ""
    return f"{caller.name}: {counted(caller.uses, 'use')}{refused}"
