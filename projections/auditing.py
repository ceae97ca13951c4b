"""An audit of a view: what every door reports of an organization at one moment, by one policy."""

import msgspec

from ledger import __version__
from projections.audit.dormancy import sought_pauses
from projections.audit.policy import Policy
from projections.audit.report import AuditReport, AuditScope, audit
from projections.audit.rule import Rule
from projections.view import View


class Terms(msgspec.Struct, frozen=True):
    """By what an audit judges; without `rules` the policy says which are asked.

    `assess` adds what came of each rule on each key.
    """

    policy: Policy
    rules: tuple[Rule, ...] | None = None
    include_temporary: bool = False
    assess: bool = False


def audit_view(view: View, organization: str, now: int, terms: Terms) -> AuditReport:
    """The report on a view that is fixed to a moment; `now` is the moment of one that is not."""
    scope = AuditScope(
        organization=organization,
        as_of=now if view.as_of is None else view.as_of,
        position=view.position,
        tool_version=__version__,
        policy=terms.policy,
    )
    records = view.records(sought_pauses(terms.policy, terms.rules, scope.as_of))
    return audit(
        scope,
        records,
        include_temporary=terms.include_temporary,
        rules=terms.rules,
        assess=terms.assess,
    )
