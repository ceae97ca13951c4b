"""`keyledger remediate`: a reviewable plan of which keys are to end, and its steps when they are due."""

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from audit_cli import console
from audit_cli.completion import complete_policy
from audit_cli.confirmation import YesOption
from audit_cli.options import Options, command
from audit_cli.values import FormatOption, OutputOption, RulesOption, duration

if TYPE_CHECKING:
    from audit_cli.session import Session
    from projections.audit.policy import Policy
    from projections.audit.rule import Rule
    from projections.remediation.plan import Plan

app = typer.Typer(rich_markup_mode=None)


class PlanOptions(NamedTuple):
    """Which findings the plan is for, how long its steps take, and where it goes."""

    output: OutputOption = None
    policy: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|PACK",
            autocompletion=complete_policy,
            help="What is tolerated, as for an audit. [KEYLEDGER_POLICY]",
        ),
    ] = None
    rule: RulesOption = None
    warn_for: Annotated[
        timedelta | None,
        typer.Option(parser=duration, metavar="DURATION", help="From a warning to its disabling; else 14d."),
    ] = None
    disable_for: Annotated[
        timedelta | None,
        typer.Option(parser=duration, metavar="DURATION", help="From there to its revocation; else 30d."),
    ] = None


@command(app, "plan")
def plan(options: Options, asked: PlanOptions) -> None:
    """Write which keys are to end, why, and who would notice.

    The plan is a text to review and edit, as in a pull request. It has each finding that nobody waived: of
    keys that can be ended here the steps, with their callers of the last 30 days, of all others the command
    to type. Nothing is changed by it.

    Example: keyledger remediate plan --rule unused-key -o plan.toml
    """
    from audit_cli.policy_choice import policy_in_force
    from audit_cli.session import open_session
    from audit_cli.wording import counted
    from projections.audit.rules import find_rule
    from projections.remediation.plan_text import plan_toml

    target = console.Target(asked.output)
    rules = tuple(map(find_rule, asked.rule)) if asked.rule else None
    spans = {"warn_for": asked.warn_for, "disable_for": asked.disable_for}
    policy = policy_in_force(options, asked.policy, spans)
    with open_session(options) as session:
        made = _made(session, policy, rules)
    target.write(plan_toml(made))
    wrote = f"Wrote {target.path}. " if target.path is not None else ""
    console.note(
        f"{wrote}{counted(len(made.key), 'key')} to end by steps,"
        f" {counted(len(made.by_hand), 'key')} to be seen to by hand."
    )
    if made.key:
        console.note(f"After its review: keyledger remediate apply {target.path or 'FILE'}")


@command(app, "apply")
def apply(
    options: Options,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A plan of `keyledger remediate plan`.")],
    form: FormatOption = "table",
    yes: YesOption = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be done.")] = False,
) -> None:
    """Take those steps of a plan that are due.

    What was changed since the plan was made is refused, key by key: another version, a finding that is waived
    or does not hold any more, a caller that the plan does not list. Run it again whenever a next step is due,
    or after an interruption: no step is taken twice. Exits with 1 where a key was refused.

    Example: keyledger remediate apply plan.toml --dry-run
    """
    from audit_cli.remediation import apply_plan

    apply_plan(options, file, form, yes=yes, dry_run=dry_run)


def _made(session: "Session", policy: "Policy", rules: "tuple[Rule, ...] | None") -> "Plan":
    from ledger.moments import MICROSECOND
    from projections.auditing import Terms, audit_view
    from projections.remediation.plan import IMPACT_WITHIN
    from projections.remediation.planning import Impact, concerned, make_plan

    with session.view(of_now=True) as view:
        as_of = session.now if view.as_of is None else view.as_of
        report = audit_view(view, session.organization.name, as_of, Terms(policy, rules))
        keys = concerned(report)
        since = as_of - IMPACT_WITHIN // MICROSECOND
        callers = view.callers({key.record.id: since for key in keys})
        versions = view.versions([key.record.id for key in keys if key.ending])
    return make_plan(report, policy, keys, Impact(callers, versions))
