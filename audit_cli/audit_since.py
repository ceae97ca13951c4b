"""`audit --since`: what was found earlier, by the same measure: nothing is new but what has changed."""

from hashlib import sha256
from typing import TYPE_CHECKING

from audit_cli.values import is_dated

if TYPE_CHECKING:
    from audit_cli.session import Session
    from ledger.audit_events import AuditCompleted
    from projections.audit.report import AuditReport
    from projections.auditing import Terms


def compared(
    session: "Session", report: "AuditReport", since: str, terms: "Terms", at_position: int | None
) -> "AuditReport":
    """The report with what has changed since a recorded audit, or since a moment.

    What a recorded audit found is taken as it was recorded where it went by the same terms. Where it did not,
    that moment is judged again by those of this report, from what the ledger held then: else all that it did
    not look for would be new.
    """
    from msgspec.structs import replace

    from audit_cli.wording import moment
    from ledger.audit_runs import find_run, recorded_runs
    from ledger.moments import parse_moment
    from projections.audit.comparison import compare

    if is_dated(since):
        at = parse_moment(since)
        told = moment(at)
        _require_earlier(at, told, report)
        return replace(report, since=compare(report, told, _found(session, terms, at, at_position)))
    run = find_run(recorded_runs(session.database, session.organization.id), since)
    told = f"run {run.id.hex()[:8]} of {moment(run.event.occurred_at)}"
    _require_earlier(run.event.judged_at, told, report)
    others = differences(run.event, report, everything=terms.include_temporary)
    if not others:
        return replace(report, since=compare(report, told, run.open_findings))
    told = f"{told}, judged again by this audit's {' and '.join(others)}"
    found = _found(session, terms, run.event.judged_at, run.event.position)
    return replace(report, since=compare(report, told, found))


def _found(session: "Session", terms: "Terms", at: int, at_position: int | None) -> list[str]:
    """The ids of the findings that are open at a moment."""
    from audit_cli.audit_report import audited

    everything = terms.include_temporary
    earlier = audited(session, terms.policy, terms.rules, at, everything=everything, at_position=at_position)
    return [finding.id for finding in earlier.open_findings]


def _require_earlier(at: int, told: str, report: "AuditReport") -> None:
    """Raise InvalidInput for what comes after the report; clocks of two machines may be a little apart."""
    from ledger.errors import InvalidInput
    from ledger.moments import MICROSECOND, parse_moment
    from ledger.usage import FUTURE_TOLERANCE

    if at > parse_moment(report.as_of) + FUTURE_TOLERANCE // MICROSECOND:
        raise InvalidInput(
            f"{told} comes after {report.as_of}, which this audit is about;"
            " say an earlier one with --since, or a later moment with --as-of"
        )


def differences(event: "AuditCompleted", report: "AuditReport", *, everything: bool) -> list[str]:
    """By what else a recorded audit went than a report, which is of temporary keys too or not."""
    told = (
        ("policy", sha256(event.policy.encode()).hexdigest() != report.policy_sha256),
        ("rules", set(event.rules) != set(report.summary.by_rule)),
        ("kinds of keys", event.include_temporary is not everything),
        ("version of the rules", event.rules_version != report.rules_version),
    )
    return [name for name, is_other in told if is_other]
