"""The audit report: what every format prints, a pure function of keys, clock, position and policy."""

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import msgspec

from ledger.errors import InvalidInput
from ledger.events import KeyKind
from ledger.moments import format_moment
from projections.audit.findings import Finding, FindingStatus, findings_on, worst_first
from projections.audit.policy import Policy
from projections.audit.rule import Rule, context_of
from projections.audit.rules import RULES, RULES_VERSION
from projections.audit.severity import WORST_FIRST
from projections.audit.usage_state import UsageState
from projections.key_record import KeyRecord
from projections.listed_key import ListedKey, listed_key

SCHEMA = "keyledger.audit/1"

_MILLIONTH_OF_A_DAY = timedelta(days=1) // 1_000_000


class AuditScope(msgspec.Struct, frozen=True):
    """What an audit ran on: whose keys, at which moment, up to which position, by which policy and tool."""

    organization: str
    as_of: int
    position: int
    tool_version: str
    policy: Policy = Policy()
    checkpoint: str | None = None


class AuditedKey(ListedKey, frozen=True):
    """A key's row with what the audit computed; days are exact to the millionth, whole ones an int."""

    age_days: int | float | None
    idle_days: int | float | None
    usage: UsageState


class Judged(msgspec.Struct, frozen=True):
    """A key as an audit saw it."""

    record: KeyRecord
    usage: UsageState
    as_of: int

    @property
    def is_active(self) -> bool:
        """Whether the key was good for anything."""
        return self.record.status(self.as_of) == "active"

    def row(self) -> AuditedKey:
        """The key as it is printed."""
        age, idle = days(self.record.age(self.as_of)), days(self.record.idle(self.as_of))
        row: tuple[Any, ...] = (
            *msgspec.structs.astuple(listed_key(self.record, self.as_of)),
            age,
            idle,
            self.usage,
        )
        return AuditedKey(*row)


class Summary(msgspec.Struct, frozen=True):
    """Counts of keys and findings; all but `waived` count open findings, zeros included."""

    keys: int
    findings: int
    waived: int
    by_rule: dict[str, int]
    by_severity: dict[str, int]


class AuditReport(msgspec.Struct, frozen=True):
    """The report of `keyledger.audit/1`; the keys as they were judged."""

    schema: str
    organization: str
    as_of: str
    position: int
    checkpoint: str | None
    policy: dict[str, str | int | bool]
    policy_sha256: str
    rules_version: str
    tool_version: str
    summary: Summary
    judged: list[Judged]
    findings: list[Finding]

    @property
    def keys(self) -> list[AuditedKey]:
        """The keys as they are printed; made on demand, since most formats print findings alone."""
        return [judged.row() for judged in self.judged]

    def document(self) -> dict[str, object]:
        """The report as `keyledger.audit/1` has it."""
        fields = msgspec.structs.asdict(self) | {"judged": self.keys}
        return {"keys" if name == "judged" else name: value for name, value in fields.items()}


def audit(
    scope: AuditScope,
    records: Iterable[KeyRecord],
    *,
    include_temporary: bool = False,
    rules: tuple[Rule, ...] = RULES,
) -> AuditReport:
    """Judge every key by every rule; the same input gives the same report, in whichever order the keys come.

    Raises InvalidInput where there is no rule to judge by: that nothing was looked for is no clean audit.
    """
    if not rules:
        raise InvalidInput("there is no rule to audit by; switch at least one on")
    judged: list[Judged] = []
    findings: list[Finding] = []
    for record in records:
        if include_temporary or record.kind is KeyKind.LONG_LIVED:
            context = context_of(record, scope.as_of, scope.policy)
            judged.append(Judged(record, context.usage, scope.as_of))
            findings += findings_on(record, context, rules)
    judged.sort(key=lambda each: (each.record.name, each.record.id))
    findings.sort(key=worst_first)
    return AuditReport(
        schema=SCHEMA,
        organization=scope.organization,
        as_of=format_moment(scope.as_of),
        position=scope.position,
        checkpoint=scope.checkpoint,
        policy=scope.policy.canonical(),
        policy_sha256=scope.policy.sha256(),
        rules_version=RULES_VERSION,
        tool_version=scope.tool_version,
        summary=_summary(len(judged), findings, rules),
        judged=judged,
        findings=findings,
    )


def days(duration: timedelta | None) -> int | float | None:
    """A duration in days, to the millionth (86 milliseconds) that is complete.

    Rounded down, so that no report shows a threshold as reached that is not; never negative.
    """
    if duration is None:
        return None
    whole, rest = divmod(max(duration, timedelta()) // _MILLIONTH_OF_A_DAY, 1_000_000)
    return whole if rest == 0 else whole + rest / 1_000_000


def _summary(keys: int, findings: list[Finding], rules: tuple[Rule, ...]) -> Summary:
    still_open = [finding for finding in findings if finding.status is FindingStatus.OPEN]
    by_rule = Counter(finding.rule for finding in still_open)
    by_severity = Counter(finding.severity for finding in still_open)
    return Summary(
        keys=keys,
        findings=len(still_open),
        waived=len(findings) - len(still_open),
        by_rule={rule.id: by_rule[rule.id] for rule in rules},
        by_severity={severity: by_severity[severity] for severity in WORST_FIRST},
    )
