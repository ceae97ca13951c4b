"""The report of an audit on a ledger."""

from typing import TYPE_CHECKING

from audit_cli import console

if TYPE_CHECKING:
    from audit_cli.session import Session
    from projections.audit.policy import Policy
    from projections.audit.report import AuditReport
    from projections.audit.rule import Rule
    from projections.view import View


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
