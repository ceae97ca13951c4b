"""What has become of a plan: of each key which step is due, which has to wait, and what forbids it now."""

from collections.abc import Collection, Mapping, Sequence
from typing import TypeAlias

import msgspec
from msgspec.structs import replace

from ledger.audit_events import RemediationStep
from ledger.events import KeyState
from ledger.moments import MICROSECOND, parse_moment
from ledger.remediation import Taken
from projections.audit.findings import FindingStatus, findings_on
from projections.audit.measure import Measures
from projections.audit.policy import Policy
from projections.audit.rule import context_of
from projections.audit.rules import find_rule
from projections.callers import Caller
from projections.key_record import KeyRecord
from projections.remediation.plan import Plan, PlannedKey, Stage
from projections.remediation.planning import callers_of

_CHANGING = (RemediationStep.DISABLE, RemediationStep.REVOKE)
_LISTED = 3


class Done(msgspec.Struct, frozen=True):
    """All steps were taken."""


class Due(msgspec.Struct, frozen=True):
    """A step may be taken now."""

    stage: Stage


class Waits(msgspec.Struct, frozen=True):
    """A step may be taken from a moment on."""

    stage: Stage
    until: int


class Changed(msgspec.Struct, frozen=True):
    """What was reviewed is not so any more; `after` is the version of the key's life that was expected."""

    reason: str
    after: int | None = None


Verdict: TypeAlias = Done | Due | Waits | Changed


class Known(msgspec.Struct, frozen=True):
    """What is known now of the keys of a plan: records, versions of lives, callers since the plan's own."""

    records: Mapping[bytes, KeyRecord]
    versions: Mapping[bytes, int]
    callers: Mapping[bytes, Sequence[Caller]]
    as_of: int


class Judge:
    """Judges the keys of one plan by the policy that it was made by."""

    def __init__(self, plan: Plan, policy: Policy, known: Known) -> None:
        rules = dict.fromkeys(rule for key in plan.key for rule in key.rules)
        self._measures = Measures(policy, tuple(map(find_rule, rules)), chosen=True)
        self._plan = plan
        self._known = known

    def verdict(self, key: PlannedKey, taken: Sequence[Taken]) -> Verdict:
        """What is to be done with a key on which the plan took some steps."""
        left = stages_left(key, taken)
        if not left:
            return Done()
        changed = self._changed(key, taken)
        if changed is not None:
            return changed
        return due(left[0], taken[-1].at if taken else parse_moment(self._plan.made_at), self._known.as_of)

    def _changed(self, key: PlannedKey, taken: Sequence[Taken]) -> Changed | None:
        record = self._known.records.get(key.key_id)
        if record is None or not record.is_minted_here:
            return Changed("no key of this id was minted here")
        version, expected = self._known.versions.get(record.id, 0), version_after(key, taken)
        if version != expected:
            return Changed(f"it has version {version}, not {expected}", after=expected)
        if any(step.step is RemediationStep.DISABLE for step in taken):
            # That the plan disabled it is no reason to let it live; whatever else was found must hold still.
            record = replace(record, state=KeyState.ACTIVE, disabled_at=None)
        reasons = [*self._unlisted(key, record), *self._resolved(key, record)]
        return Changed("; ".join(reasons)) if reasons else None

    def _unlisted(self, key: PlannedKey, record: KeyRecord) -> list[str]:
        since = self._plan.impact_since
        listed = {(each.service, each.caller) for each in key.callers}
        callers = callers_of(record, self._known.callers.get(record.id, ()), since)
        new = [each for each in callers if (each.service, each.caller) not in listed]
        if not new:
            return []
        more = f" and {len(new) - _LISTED} more" if len(new) > _LISTED else ""
        names = ", ".join(each.name for each in new[:_LISTED])
        return [f"presented by {names}{more}, last at {new[0].last_at}, whom the plan does not list"]

    def _resolved(self, key: PlannedKey, record: KeyRecord) -> list[str]:
        measure, as_of = self._measures.of(record), self._known.as_of
        found = findings_on(record, context_of(record, as_of, measure.policy), measure.rules)
        standing = {finding.id: finding.status for finding in found}
        return [
            f"{finding.rule} {'is waived' if finding.id in standing else 'does not hold any more'}"
            for finding in key.findings
            if standing.get(finding.id) is not FindingStatus.OPEN
        ]


def stages_left(key: PlannedKey, taken: Collection[Taken]) -> list[Stage]:
    """The steps that come after those that were taken, whatever the file said then."""
    reached = max((Stage(step.step).rank for step in taken), default=-1)
    return [stage for stage in key.stages if stage.rank > reached]


def version_after(key: PlannedKey, taken: Collection[Taken]) -> int:
    """The version that a key must have if nobody but the plan changed it."""
    return key.version + sum(step.step in _CHANGING for step in taken)


def due(stage: Stage, since: int, now: int) -> Due | Waits:
    """Whether a step may be taken, so long after the one before it."""
    until = since + stage.after // MICROSECOND
    return Due(stage) if now >= until else Waits(stage, until)
