"""The audit report: what every format prints, a pure function of keys, clock, position and policy."""

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from hashlib import sha256
from operator import attrgetter
from typing import Any

import msgspec

from ledger.errors import InvalidInput
from ledger.events import KeyKind
from ledger.moments import format_moment
from projections.audit.assessments import Assessment, assessments_of
from projections.audit.comparison import Comparison
from projections.audit.findings import Finding, FindingStatus, findings_on, worst_first
from projections.audit.measure import Measures
from projections.audit.policy import Policy
from projections.audit.rule import Rule, context_of
from projections.audit.rules import RULES, RULES_VERSION
from projections.audit.severity import WORST_FIRST
from projections.audit.usage_state import UsageState
from projections.daily_use import DailyUse
from projections.key_record import KeyRecord
from projections.listed_key import ListedKey, listed_key

SCHEMA = "keyledger.audit/1"

_DIGESTED = (
    *("schema", "organization", "as_of", "position", "checkpoint", "policy", "policy_sha256"),
    *("rules_version", "summary", "keys", "findings"),
)
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
    """The report of `keyledger.audit/1`; the keys as they were judged.

    `daily_use` is what a heat map shows; it is no part of the document, nor of the digest.
    """

    schema: str
    organization: str
    as_of: str
    position: int
    checkpoint: str | None
    policy: dict[str, Any]
    policy_sha256: str
    rules_version: str
    tool_version: str
    summary: Summary
    judged: list[Judged]
    findings: list[Finding]
    assessments: list[Assessment] | None = None
    since: Comparison | None = None
    daily_use: DailyUse | None = None

    @property
    def unfound(self) -> list[Assessment]:
        """What came of rules and keys of which no finding tells; nothing unless it was asked for."""
        return [assessment for assessment in self.assessments or () if not assessment.is_finding]

    @property
    def keys(self) -> list[AuditedKey]:
        """The keys as they are printed; made on demand, since most formats print findings alone."""
        return [judged.row() for judged in self.judged]

    @property
    def open_findings(self) -> list[Finding]:
        """Those that nobody has accepted."""
        return [finding for finding in self.findings if finding.status is FindingStatus.OPEN]

    def sha256(self) -> bytes:
        """The digest: SHA-256 of the report as JSON with sorted keys, without the version of the tool.

        What was only asked for in passing, such as assessments, makes no difference.
        """
        document = self.document()
        said = {name: document[name] for name in _DIGESTED}
        return sha256(msgspec.json.encode(said, order="sorted")).digest()

    def document(self) -> dict[str, object]:
        """The report as `keyledger.audit/1` has it; what was asked for in passing only where it was."""
        fields = msgspec.structs.asdict(self) | {"judged": self.keys}
        del fields["daily_use"]
        for name in ("assessments", "since"):
            if fields[name] is None:
                del fields[name]
        return {"keys" if name == "judged" else name: value for name, value in fields.items()}


def audit(
    scope: AuditScope,
    records: Iterable[KeyRecord],
    *,
    include_temporary: bool = False,
    rules: tuple[Rule, ...] | None = None,
    assess: bool = False,
) -> AuditReport:
    """Judge every key by every rule; the same input gives the same report, in whichever order the keys come.

    Without `rules` the policy says which of all are on; `assess` adds what came of each rule on each key.
    Raises InvalidInput where there is no rule to judge by: that nothing was looked for is no clean audit.
    """
    measures = Measures(scope.policy, RULES if rules is None else rules, chosen=rules is not None)
    if not measures.rules:
        raise InvalidInput("there is no rule to audit by; switch at least one on")
    kept = (record for record in records if include_temporary or record.kind is KeyKind.LONG_LIVED)
    judged, findings, assessments = _judged(kept, scope.as_of, measures, assess=assess)
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
        summary=_summary(len(judged), findings, measures.rules),
        judged=judged,
        findings=findings,
        assessments=assessments if assess else None,
    )


def _judged(
    records: Iterable[KeyRecord], as_of: int, measures: Measures, *, assess: bool
) -> tuple[list[Judged], list[Finding], list[Assessment]]:
    """The keys, what was found and, where that is wanted, what came of every rule: each in printed order."""
    judged: list[Judged] = []
    findings: list[Finding] = []
    assessments: list[Assessment] = []
    for record in records:
        measure = measures.of(record)
        context = context_of(record, as_of, measure.policy)
        judged.append(Judged(record, context.usage, as_of))
        found = findings_on(record, context, measure.rules)
        findings += found
        if assess:
            assessments += assessments_of(record, context, measure, found)
    judged.sort(key=lambda each: (each.record.name, each.record.id))
    findings.sort(key=worst_first)
    assessments.sort(key=attrgetter("key_name", "key_id", "rule"))
    return judged, findings, assessments


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
