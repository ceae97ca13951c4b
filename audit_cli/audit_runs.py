"""Recorded audits: `keyledger audit-history` and `keyledger reproduce`, and the record itself."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from audit_cli import console
from audit_cli.failures import CORRUPT, tell
from audit_cli.options import Options, command
from audit_cli.reports.formats import Format
from audit_cli.values import FormatOption, OutputOption, ReportFormatOption

if TYPE_CHECKING:
    from audit_cli.session import Session
    from ledger.audit_runs import Run
    from projections.audit.policy import Policy
    from projections.audit.report import AuditReport
    from projections.audit.rule import Rule
    from projections.documents.audit_history import RunLine

_SHORT = 8

app = typer.Typer(rich_markup_mode=None)


@command(app, "audit-history")
def audit_history(options: Options, form: FormatOption = "table") -> None:
    """List the recorded audits.

    Example: keyledger audit-history --format json
    """
    from audit_cli.session import open_session
    from ledger.audit_runs import recorded_runs
    from projections.documents.audit_history import audit_history_document

    with open_session(options) as session:
        org = session.organization
        runs = recorded_runs(session.database, org.id)
    document = audit_history_document(org, runs)
    if form == "json":
        console.result_json(document)
        return
    if not document.runs:
        console.note("No audit has been recorded; `keyledger audit --record` does so.")
        return
    headers = ("Run", "As of", "Recorded by", "Position", "Open", "Waived")
    console.result(console.table(headers, [_row(line) for line in document.runs], flexible=(2,)))


@command(app, "reproduce")
def reproduce(
    options: Options,
    reference: Annotated[
        str, typer.Argument(metavar="RUN", help="Its id, the id's beginning, or `last`.")
    ] = "last",
    form: ReportFormatOption = Format.TABLE,
    output: OutputOption = None,
) -> None:
    """Derive a recorded audit's report again.

    Its digest is compared with the recorded one; exits with 4 where it is another.

    Example: keyledger reproduce last --format json -o evidence.json
    """
    from audit_cli.delivery import deliver
    from audit_cli.session import open_session
    from ledger.audit_runs import find_run, recorded_runs

    target = console.Target(output)
    with open_session(options) as session:
        run = find_run(recorded_runs(session.database, session.organization.id), reference)
        report = report_of(session, run, by_day=form is Format.HTML)
    deliver(report, form, target)
    short = run.id.hex()[:_SHORT]
    if report.sha256() == run.event.report_sha256:
        console.note(f"This is the report of run {short}: its digest is {report.sha256().hex()}.")
        return
    tell(f"this is not the report that run {short} recorded{_why(run, report)}")
    raise typer.Exit(CORRUPT)


def report_of(session: "Session", run: "Run", *, by_day: bool = False) -> "AuditReport":
    """The report of a recorded audit, from what the ledger held then."""
    from audit_cli.audit_report import audited

    event = run.event
    policy = _policy(event.policy)
    reports = (
        audited(
            session,
            policy,
            rules,
            event.judged_at,
            everything=event.include_temporary,
            at_position=event.position,
            by_day=by_day,
        )
        for rules in _asked(policy, event.rules)
    )
    report = next(reports)
    if report.sha256() != event.report_sha256:
        report = next((other for other in reports if other.sha256() == event.report_sha256), report)
    return report


def record(session: "Session", policy: "Policy", report: "AuditReport", *, everything: bool) -> bytes:
    """Append that the audit was run, and what it said; returns the run's id."""
    from ledger.audit_runs import record_run
    from projections.audit_record import outcome_of

    outcome = outcome_of(policy, report, include_temporary=everything)
    run_id = record_run(session.ledger, session.organization, session.actor, outcome)
    console.note(f"Recorded as run {run_id.hex()[:_SHORT]}; its digest is {report.sha256().hex()}.")
    return run_id


def _policy(canonical: str) -> "Policy":
    import msgspec

    from projections.audit.policy_document import policy_of
    from projections.audit.rules import RULES

    return policy_of(msgspec.json.decode(canonical), [rule.id for rule in RULES])


def _asked(policy: "Policy", rule_ids: tuple[str, ...]) -> "Iterator[tuple[Rule, ...] | None]":
    """What may have been asked for: rules by their names, or None, where the policy itself gives just those.

    Both give the same but where the policy has a rule on for some keys alone, which its name asks of all.
    """
    from projections.audit.measure import Measures
    from projections.audit.rules import RULES, find_rule

    measures = Measures(policy, RULES)
    given = tuple(rule.id for rule in measures.rules)
    if given == rule_ids:
        yield None
    if given != rule_ids or len(measures.general.rules) != len(given):
        yield tuple(map(find_rule, rule_ids))


def _why(run: "Run", report: "AuditReport") -> str:
    event = run.event
    if event.rules_version != report.rules_version:
        return (
            f": it went by version {event.rules_version} of the rules and this keyledger goes by"
            f" {report.rules_version}; keyledger {event.tool_version} reproduces it"
        )
    recorded, now = (event.findings, event.waived), (report.summary.findings, report.summary.waived)
    if recorded != now:
        return f": that had {recorded[0]} findings and {recorded[1]} waived, this has {now[0]} and {now[1]}"
    return ", though the versions and the counts are the same; `keyledger projections check` looks for damage"


def _row(line: "RunLine") -> tuple[object, ...]:
    from audit_cli.wording import moment
    from ledger.moments import parse_moment

    as_of = moment(parse_moment(line.as_of))
    return (line.id[:_SHORT], as_of, line.recorded_by or "", line.position, line.findings, line.waived)
