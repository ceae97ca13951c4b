"""`keyledger audit`: which keys to rotate or revoke, with the evidence."""

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import typer

from audit_cli import console
from audit_cli.completion import complete_policy, complete_rule
from audit_cli.compliance import check_compliance_options, deliver_compliance
from audit_cli.failures import FINDINGS
from audit_cli.options import Options, command
from audit_cli.reports.formats import Format, render
from audit_cli.values import duration, moment, position

if TYPE_CHECKING:
    from audit_cli.notification import Announcer
    from audit_cli.session import Session
    from projections.audit.policy import Policy
    from projections.audit.report import AuditReport
    from projections.audit.rule import Rule
    from projections.view import View

Status: TypeAlias = Literal["findings", "all"]
Annotations: TypeAlias = Literal["github"]
Threshold: TypeAlias = Literal["info", "low", "medium", "high", "critical", "none"]

app = typer.Typer(rich_markup_mode=None)


@command(app, "audit", served=True)
def audit(
    options: Options,
    policy: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|PACK",
            autocompletion=complete_policy,
            help="What is tolerated: a TOML file, or a pack such as cis-aws. [KEYLEDGER_POLICY]",
        ),
    ] = None,
    unused_for: Annotated[
        timedelta | None,
        typer.Option(parser=duration, metavar="DURATION", help="Idle so long is unused; else 45d."),
    ] = None,
    max_age: Annotated[
        timedelta | None,
        typer.Option(parser=duration, metavar="DURATION", help="So old is too old; else 90d."),
    ] = None,
    never_used_grace: Annotated[
        timedelta | None,
        typer.Option(
            parser=duration, metavar="DURATION", help="So long a new key may wait for a use; else 7d."
        ),
    ] = None,
    as_of: Annotated[
        int | None, typer.Option(parser=moment, metavar="TIME", help="Answer for this moment; else now.")
    ] = None,
    at_position: Annotated[
        int | None,
        typer.Option(parser=position, metavar="N", help="By what the ledger held up to this position."),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(metavar="RUN|TIME", help="Tell what is new, persists or is resolved since then."),
    ] = None,
    record: Annotated[
        bool, typer.Option("--record", help="Append to the ledger that this audit was run, with its digest.")
    ] = False,
    notify: Annotated[
        bool,
        typer.Option(
            "--notify", help="Tell a webhook what is new since the last recorded run. [KEYLEDGER_NOTIFY_URL]"
        ),
    ] = False,
    rule: Annotated[
        list[str] | None,
        typer.Option(
            metavar="RULE", autocompletion=complete_rule, help="Only this rule; repeat for several."
        ),
    ] = None,
    compliance: Annotated[
        str | None,
        typer.Option(
            metavar="PACK",
            autocompletion=complete_policy,
            help="Control by control of a standard; by the pack's own policy where none is named.",
        ),
    ] = None,
    status: Annotated[
        Status, typer.Option(help="`all` adds what came of each rule on each key, also where it passed.")
    ] = "findings",
    everything: Annotated[bool, typer.Option("--all", help="Temporary credentials too.")] = False,
    form: Annotated[Format, typer.Option("--format", help="How to print the report.")] = Format.TABLE,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Where to; else standard output.")
    ] = None,
    annotations: Annotated[
        Annotations | None,
        typer.Option(help="Also tell a CI run of the findings, on standard error: GitHub Actions."),
    ] = None,
    fail_on: Annotated[Threshold, typer.Option(help="Exit with 3 for findings at least so severe.")] = "low",
) -> None:
    """Audit the keys: unused, aged, shared, and more.

    Example: keyledger audit --unused-for 30d --format markdown -o report.md
    """
    from audit_cli.audit_runs import record as record_run
    from audit_cli.audit_since import compared
    from audit_cli.policy_choice import policy_in_force
    from audit_cli.remote.in_force import server_in_force
    from audit_cli.session import open_session
    from projections.audit.rules import find_rule
    from projections.auditing import Terms as Asked

    flags = {"unused_for": unused_for, "max_age": max_age, "never_used_grace": never_used_grace}
    if (server := server_in_force(options)) is not None:
        from audit_cli.remote.audits import Terms, audited_at

        needs_ledger = {
            "--at-position": at_position is not None,
            "--since": since is not None,
            "--record": record,
            "--notify": notify,
            "--compliance": compliance is not None,
            "--format html": form is Format.HTML,
        }
        _require_ledger([name for name, is_said in needs_ledger.items() if is_said])
        terms = Terms(
            policy=policy,
            thresholds=flags,
            rules=rule or [],
            as_of=as_of,
            everything=everything,
            assess=status == "all",
        )
        _deliver_all(audited_at(server, terms), form, console.Target(output), annotations, fail_on)
        return
    if compliance is not None:
        check_compliance_options(compliance, form, rule, since)
    announcer = _announcer(options) if notify else None
    target = console.Target(output)
    rules = tuple(map(find_rule, rule)) if rule else None
    in_force = policy_in_force(options, policy, flags, compliance)
    with open_session(options) as session:
        assess = status == "all" or compliance is not None
        report = audited(
            session,
            in_force,
            rules,
            as_of,
            everything=everything,
            assess=assess,
            at_position=at_position,
            by_day=form is Format.HTML,
        )
        if since is not None:
            asked = Asked(in_force, rules, include_temporary=everything)
            report = compared(session, report, since, asked, at_position)
        if announcer is not None:
            announcer.look_up(session, report, everything=everything)
        elif record:
            record_run(session, in_force, report, everything=everything)
    if compliance is not None:
        failed = deliver_compliance(compliance, in_force, report, form, target)
        reached = failed and fail_on != "none"
    else:
        deliver(report, form, target)
        reached = is_reached(report, fail_on)
    if annotations is not None:
        console.note(render(report, Format.GITHUB).rstrip("\n"))
    if announcer is not None:
        announcer.announce(report, will_record=record)
        if record:
            with open_session(options) as session:
                record_run(session, in_force, report, everything=everything)
    if reached:
        raise typer.Exit(FINDINGS)


def _require_ledger(said: list[str]) -> None:
    if said:
        raise typer.BadParameter(f"{', '.join(said)}: not through a server; name the ledger with --ledger")


def _deliver_all(
    report: "AuditReport",
    form: Format,
    target: console.Target,
    annotations: Annotations | None,
    fail_on: Threshold,
) -> None:
    deliver(report, form, target)
    if annotations is not None:
        console.note(render(report, Format.GITHUB).rstrip("\n"))
    if is_reached(report, fail_on):
        raise typer.Exit(FINDINGS)


def _announcer(options: Options) -> "Announcer":
    from audit_cli.notification import Announcer
    from audit_cli.session import settings_of

    return Announcer(settings_of(options))


def audited(
    session: "Session",
    policy: "Policy",
    rules: "tuple[Rule, ...] | None",
    as_of: int | None,
    *,
    everything: bool = False,
    assess: bool = False,
    at_position: int | None = None,
    by_day: bool = False,
) -> "AuditReport":
    """The report on a session's organization; `by_day` adds on which days the stalest keys were used."""
    from projections.auditing import Terms, audit_view

    if as_of is not None and as_of > session.now:
        console.note("That moment is still to come: the report assumes that nothing happens until then.")
    with session.view(as_of, of_now=True, at_position=at_position) as view:
        terms = Terms(policy, rules, include_temporary=everything, assess=assess)
        report = audit_view(view, session.organization.name, session.now, terms)
        return _with_days(report, view) if by_day else report


def _with_days(report: "AuditReport", view: "View") -> "AuditReport":
    from msgspec.structs import replace

    from ledger.moments import parse_moment
    from projections.audit.staleness import SHOWN_KEYS, shown_days, stalest_first

    stalest = [each.record.id for each in stalest_first(report.judged)[:SHOWN_KEYS]]
    return replace(report, daily_use=view.daily_use(stalest, *shown_days(parse_moment(report.as_of))))


def deliver(report: "AuditReport", form: Format, target: console.Target) -> None:
    """Print the report, or write it to the file."""
    is_coloured = console.is_coloured() and target.path is None
    target.write(render(report, form, width=console.width(), color=is_coloured))
    if form is Format.CSV and report.since is not None:
        from audit_cli.reports.headline import changes

        # Its rows are findings alone.
        console.note(" ".join(changes(report)))
    if target.path is not None:
        from audit_cli.reports.headline import summary

        console.note(f"Wrote {target.path}. {summary(report)}")


def is_reached(report: "AuditReport", threshold: Threshold) -> bool:
    """Whether an open finding is at least so severe."""
    from projections.audit.findings import open_at_least
    from projections.audit.severity import Severity

    return threshold != "none" and bool(open_at_least(report.findings, Severity(threshold)))
