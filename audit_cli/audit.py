"""`keyledger audit`: which keys to rotate or revoke, with the evidence."""

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import typer

from audit_cli import console
from audit_cli.completion import complete_rule
from audit_cli.failures import FINDINGS
from audit_cli.options import Options, command
from audit_cli.reports.formats import Format, render
from audit_cli.values import duration, moment

if TYPE_CHECKING:
    from audit_cli.session import Session
    from projections.audit.policy import Policy
    from projections.audit.report import AuditReport
    from projections.audit.rule import Rule

Threshold: TypeAlias = Literal["info", "low", "medium", "high", "critical", "none"]

app = typer.Typer(rich_markup_mode=None)


@command(app, "audit")
def audit(
    options: Options,
    unused_for: Annotated[
        timedelta,
        typer.Option(parser=duration, metavar="DURATION", help="Idle so long is unused.", show_default="45d"),
    ] = timedelta(days=45),
    max_age: Annotated[
        timedelta,
        typer.Option(parser=duration, metavar="DURATION", help="So old is too old.", show_default="90d"),
    ] = timedelta(days=90),
    never_used_grace: Annotated[
        timedelta,
        typer.Option(
            parser=duration,
            metavar="DURATION",
            help="So long a new key may wait for a use.",
            show_default="7d",
        ),
    ] = timedelta(days=7),
    as_of: Annotated[
        int | None, typer.Option(parser=moment, metavar="TIME", help="Answer for this moment; else now.")
    ] = None,
    rule: Annotated[
        list[str] | None,
        typer.Option(
            metavar="RULE", autocompletion=complete_rule, help="Only this rule; repeat for several."
        ),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Temporary credentials too.")] = False,
    form: Annotated[Format, typer.Option("--format", help="How to print the report.")] = Format.TABLE,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Where to; else standard output.")
    ] = None,
    fail_on: Annotated[Threshold, typer.Option(help="Exit with 3 for findings at least so severe.")] = "low",
) -> None:
    """Audit the keys: the unused, the aged, the shared, and more.

    Example: keyledger audit --unused-for 30d --format markdown -o report.md
    """
    from audit_cli.session import open_session
    from projections.audit.policy import Policy
    from projections.audit.rules import RULES, find_rule

    target = console.Target(output)
    rules = tuple(map(find_rule, rule)) if rule else RULES
    policy = Policy(unused_for=unused_for, max_age=max_age, never_used_grace=never_used_grace)
    with open_session(options) as session:
        report = audited(session, policy, rules, as_of, everything=everything)
    deliver(report, form, target)
    if is_reached(report, fail_on):
        raise typer.Exit(FINDINGS)


def audited(
    session: "Session",
    policy: "Policy",
    rules: "tuple[Rule, ...]",
    as_of: int | None,
    *,
    everything: bool = False,
) -> "AuditReport":
    """The report on a session's organization."""
    from ledger import __version__
    from projections.audit.report import AuditScope, audit

    if as_of is not None and as_of > session.now:
        console.note("That moment is still to come: the report assumes that nothing happens until then.")
    with session.view(as_of, of_now=True) as view:
        scope = AuditScope(
            organization=session.organization.name,
            as_of=session.now if view.as_of is None else view.as_of,
            position=view.position,
            tool_version=__version__,
            policy=policy,
        )
        return audit(scope, view.records(), include_temporary=everything, rules=rules)


def deliver(report: "AuditReport", form: Format, target: console.Target) -> None:
    """Print the report, or write it to the file."""
    is_coloured = console.is_coloured() and target.path is None
    target.write(render(report, form, width=console.width(), color=is_coloured))
    if target.path is not None:
        from audit_cli.reports.headline import summary

        console.note(f"Wrote {target.path}. {summary(report)}")


def is_reached(report: "AuditReport", threshold: Threshold) -> bool:
    """Whether an open finding is at least so severe."""
    from projections.audit.findings import open_at_least
    from projections.audit.severity import Severity

    return threshold != "none" and bool(open_at_least(report.findings, Severity(threshold)))
