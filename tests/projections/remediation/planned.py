"""Plans for key records, as `remediate plan` would make them."""

from collections.abc import Mapping, Sequence

from projections.audit.policy import Policy
from projections.audit.report import AuditScope, audit
from projections.callers import Caller
from projections.key_record import KeyRecord
from projections.remediation.plan import Plan
from projections.remediation.planning import Impact, concerned, make_plan
from tests.projections.audit.records import NOW


def plan_for(
    *records: KeyRecord,
    policy: Policy | None = None,
    callers: Mapping[bytes, Sequence[Caller]] | None = None,
    version: int = 1,
) -> Plan:
    policy = policy or Policy()
    report = audit(AuditScope("acme", NOW, 42, "0.1.0", policy), records)
    versions = {record.id: version for record in records}
    return make_plan(report, policy, concerned(report), Impact(callers or {}, versions))
