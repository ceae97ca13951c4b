"""`keyledger audit`: which keys to rotate or revoke, with the evidence."""

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple, TypeAlias

import typer

from audit_cli import console
from audit_cli.completion import complete_policy
from audit_cli.compliance import check_compliance_options, deliver_compliance
from audit_cli.delivery import Annotations, Threshold, annotate, deliver, is_reached
from audit_cli.failures import FINDINGS
from audit_cli.options import Options, command
from audit_cli.reports.formats import Format
from audit_cli.values import (
    OutputOption,
    ReportFormatOption,
    RulesOption,
    TemporaryOption,
    duration,
    moment,
    position,
)

if TYPE_CHECKING:
    from audit_cli.notification import Announcer
    from audit_cli.session import Session
    from projections.audit.policy import Policy
    from projections.audit.report import AuditReport
    from projections.audit.rule import Rule

Status: TypeAlias = Literal["findings", "all"]

app = typer.Typer(rich_markup_mode=None)


class AuditOptions(NamedTuple):
    """What is asked, by which policy, and what is to become of the report."""

    policy: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|PACK",
            autocompletion=complete_policy,
            help="What is tolerated: a TOML file, or a pack such as cis-aws. [KEYLEDGER_POLICY]",
        ),
    ] = None
    unused_for: Annotated[
        timedelta | None,
        typer.Option(parser=duration, metavar="DURATION", help="Idle so long is unused; else 45d."),
    ] = None
    max_age: Annotated[
        timedelta | None,
        typer.Option(parser=duration, metavar="DURATION", help="So old is too old; else 90d."),
    ] = None
    never_used_grace: Annotated[
        timedelta | None,
        typer.Option(
            parser=duration, metavar="DURATION", help="So long a new key may wait for a use; else 7d."
        ),
    ] = None
    as_of: Annotated[
        int | None, typer.Option(parser=moment, metavar="TIME", help="Answer for this moment; else now.")
    ] = None
    at_position: Annotated[
        int | None,
        typer.Option(parser=position, metavar="N", help="By what the ledger held up to this position."),
    ] = None
    since: Annotated[
        str | None,
        typer.Option(metavar="RUN|TIME", help="Tell what is new, persists or is resolved since then."),
    ] = None
    record: Annotated[
        bool, typer.Option("--record", help="Append to the ledger that this audit was run, with its digest.")
    ] = False
    notify: Annotated[
        bool,
        typer.Option(
            "--notify", help="Tell a webhook what is new since the last recorded run. [KEYLEDGER_NOTIFY_URL]"
        ),
    ] = False
    rule: RulesOption = None
    compliance: Annotated[
        str | None,
        typer.Option(
            metavar="PACK",
            autocompletion=complete_policy,
            help="Control by control of a standard; by the pack's own policy where none is named.",
        ),
    ] = None
    status: Annotated[
        Status, typer.Option(help="`all` adds what came of each rule on each key, also where it passed.")
    ] = "findings"
    everything: TemporaryOption = False
    form: ReportFormatOption = Format.TABLE
    output: OutputOption = None
    annotations: Annotated[
        Annotations | None,
        typer.Option(help="Also tell a CI run of the findings, on standard error: GitHub Actions."),
    ] = None
    fail_on: Annotated[Threshold, typer.Option(help="Exit with 3 for findings at least so severe.")] = "low"

    @property
    def thresholds(self) -> Mapping[str, timedelta | None]:
        """Those that change the policy, by its names."""
        return {
            "unused_for": self.unused_for,
            "max_age": self.max_age,
            "never_used_grace": self.never_used_grace,
        }


@command(app, "audit", at_server="audits.audit")
def audit(options: Options, asked: AuditOptions) -> None:
    """Audit the keys: unused, aged, shared, and more.

    Example: keyledger audit --unused-for 30d --format markdown -o report.md
    """
    from audit_cli.audit_runs import record
    from audit_cli.policy_choice import policy_in_force
    from audit_cli.session import open_session
    from projections.audit.rules import find_rule

    if asked.compliance is not None:
        check_compliance_options(asked.compliance, asked.form, asked.rule, asked.since)
    announcer = _announcer(options) if asked.notify else None
    target = console.Target(asked.output)
    rules = tuple(map(find_rule, asked.rule)) if asked.rule else None
    policy = policy_in_force(options, asked.policy, asked.thresholds, asked.compliance)
    with open_session(options) as session:
        report = _report(session, asked, policy, rules)
        if announcer is not None:
            announcer.look_up(session, report, everything=asked.everything)
        elif asked.record:
            record(session, policy, report, everything=asked.everything)
    fails = _deliver(report, asked, policy, target)
    annotate(report, asked.annotations)
    if announcer is not None:
        announcer.announce(report, will_record=asked.record)
        if asked.record:
            with open_session(options) as session:
                record(session, policy, report, everything=asked.everything)
    if fails:
        raise typer.Exit(FINDINGS)


def _announcer(options: Options) -> "Announcer":
    from audit_cli.notification import Announcer
    from audit_cli.session import settings_of

    return Announcer(settings_of(options))


def _report(
    session: "Session", asked: AuditOptions, policy: "Policy", rules: "tuple[Rule, ...] | None"
) -> "AuditReport":
    from audit_cli.audit_report import audited
    from audit_cli.audit_since import compared
    from projections.auditing import Terms

    report = audited(
        session,
        policy,
        rules,
        asked.as_of,
        everything=asked.everything,
        assess=asked.status == "all" or asked.compliance is not None,
        at_position=asked.at_position,
        by_day=asked.form is Format.HTML,
    )
    if asked.since is None:
        return report
    terms = Terms(policy, rules, include_temporary=asked.everything)
    return compared(session, report, asked.since, terms, asked.at_position)


def _deliver(report: "AuditReport", asked: AuditOptions, policy: "Policy", target: console.Target) -> bool:
    """Print or write it; returns whether the run is to fail."""
    if asked.compliance is not None:
        has_failed = deliver_compliance(asked.compliance, policy, report, asked.form, target)
        return has_failed and asked.fail_on != "none"
    deliver(report, asked.form, target)
    return is_reached(report, asked.fail_on)
