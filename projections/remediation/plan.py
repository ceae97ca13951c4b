"""A remediation plan as its file says it: what is to end by which steps, why, and who would notice.

Its texts are those of the file, ids and moments included, so that what is reviewed is what is applied.
"""

from datetime import timedelta

import msgspec

from ledger.audit_events import RemediationStep
from ledger.errors import InvalidInput
from ledger.ids import parse_id
from ledger.moments import format_duration, parse_duration, parse_moment

SCHEMA = "keyledger.plan/1"
IMPACT_WITHIN = timedelta(days=30)

_AFTER = " after "
_RANK = {step: rank for rank, step in enumerate(RemediationStep)}


class Stage(msgspec.Struct, frozen=True):
    """A step, and how long after the one before it; for the first: after the plan was made."""

    step: RemediationStep
    after: timedelta = timedelta()

    @property
    def rank(self) -> int:
        """Where it stands between a warning and the end."""
        return _RANK[self.step]

    @property
    def text(self) -> str:
        """`disable after 14d`."""
        return f"{self.step}{_AFTER}{format_duration(self.after)}" if self.after else str(self.step)


class _Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A table of the file, which may hold nothing else."""


class PlannedFinding(_Table, frozen=True, kw_only=True):
    """Why; `remedy` is the command to type where keyledger does it by no plan."""

    id: str
    rule: str
    severity: str
    message: str
    remedy: str | None = None


class PlannedCaller(_Table, frozen=True, kw_only=True):
    """Who called with the key within the last 30 days, or tried to; without a caller it is unknown."""

    service: str
    caller: str | None = None
    uses: int
    refused: int = 0
    last_at: str
    addresses: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """`web-1 (payments)`."""
        return f"{self.caller or 'an unknown caller'} ({self.service})"


class PlannedKey(_Table, frozen=True, kw_only=True):
    """A key that is to end. `version` is that of its life when the plan was made."""

    name: str
    id: str
    version: int
    owner: str | None = None
    steps: tuple[str, ...]
    findings: tuple[PlannedFinding, ...]
    callers: tuple[PlannedCaller, ...]

    @property
    def key_id(self) -> bytes:
        return parse_id(self.id)

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The steps as they are meant."""
        return tuple(map(parse_stage, self.steps))

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules that found something wrong with it, each once."""
        return tuple(dict.fromkeys(finding.rule for finding in self.findings))


class ByHand(_Table, frozen=True, kw_only=True):
    """A key whose findings no plan resolves: it was minted elsewhere, or does not have to end."""

    name: str
    id: str
    source: str
    external_id: str | None = None
    owner: str | None = None
    findings: tuple[PlannedFinding, ...]
    callers: tuple[PlannedCaller, ...]


class Plan(_Table, frozen=True, kw_only=True):
    """A plan; its id outlives edits of the file, so that it goes on where it was. `policy` is canonical."""

    schema: str
    id: str
    organization: str
    made_at: str
    position: int
    policy: str
    key: tuple[PlannedKey, ...] = ()
    by_hand: tuple[ByHand, ...] = ()

    @property
    def plan_id(self) -> bytes:
        return parse_id(self.id)

    @property
    def impact_since(self) -> int:
        """From which moment on the callers count."""
        return parse_moment(self.made_at) - IMPACT_WITHIN // timedelta(microseconds=1)


def parse_stage(text: str) -> Stage:
    """Read `warn` or `disable after 14d`; InvalidInput for anything else."""
    name, _, after = text.partition(_AFTER)
    if name not in set(RemediationStep):
        steps = ", ".join(RemediationStep)
        raise InvalidInput(f"{text!r} is no step; write one of {steps}, as in 'disable after 14d'")
    return Stage(RemediationStep(name), parse_duration(after) if after else timedelta())
