"""Rotations under way: who still uses the old key, who has moved to the successor, and whether it can end."""

from collections.abc import Iterable, Mapping
from datetime import timedelta

import msgspec

from ledger.events import KeyState
from ledger.moments import MICROSECOND, format_duration, format_moment
from projections.audit.policy import Policy
from projections.audit.usage_state import is_covered, missing_coverage
from projections.key_record import CallerUse, KeyRecord

QUIET_FOR = timedelta(days=1)
_LISTED = 3


class Rotation(msgspec.Struct, frozen=True):
    """An old key that is not revoked yet, and its successor; None where that is not known.

    `uses_a_day` is of the old key, over the days since the rotation, seven at most.
    """

    old: KeyRecord
    successor: KeyRecord | None
    uses_a_day: float = 0.0

    @property
    def rotated_at(self) -> int:
        """When the successor was made."""
        return self.old.rotated_at or 0

    @property
    def still(self) -> list[CallerUse]:
        """Who has used the old key since, the latest first."""
        since = (use for use in self.old.uses if use.last_at >= self.rotated_at)
        return sorted(since, key=lambda use: (-use.last_at, use.service, use.caller or ""))

    @property
    def moved(self) -> list[CallerUse]:
        """Who uses the successor, the latest first."""
        uses = self.successor.uses if self.successor else ()
        return sorted(uses, key=lambda use: (-use.last_at, use.service, use.caller or ""))

    @property
    def addresses(self) -> list[str]:
        """From where the old key has been used since, the latest first."""
        since = [address for address in self.old.addresses if address.last_at >= self.rotated_at]
        return [each.source_ip for each in sorted(since, key=lambda each: (-each.last_at, each.source_ip))]


def open_rotations(records: Iterable[KeyRecord], uses_a_day: Mapping[bytes, float]) -> list[Rotation]:
    """The rotations whose old key was not revoked, the one whose overlap ends first at the beginning."""
    known = {record.id: record for record in records}
    rotations = [
        Rotation(record, known.get(record.successor_id), uses_a_day.get(record.id, 0.0))
        for record in known.values()
        if record.successor_id is not None and record.state is not KeyState.REVOKED
    ]
    return sorted(rotations, key=lambda each: (each.old.overlap_ends_at or 0, each.old.name, each.old.id))


def reasons_to_wait(rotation: Rotation, now: int, quiet_for: timedelta, policy: Policy) -> list[str]:
    """Why the old key cannot be revoked without somebody noticing; nothing where it is safe.

    Somebody would notice who used the old key lately, or who used it before and has not been seen with the
    successor: that a caller is silent does not mean that it has moved. A key whose uses nobody tells is never
    safe.
    """
    reasons = [*_recent(rotation, now, quiet_for), *_unmoved(rotation, now, policy)]
    if rotation.successor is None or rotation.successor.state is not KeyState.ACTIVE:
        reasons.append("its successor is not active, so there is nothing to move to")
    if not is_covered(rotation.old, now, policy):
        reasons.append(missing_coverage(rotation.old, now, policy))
    return reasons


def _recent(rotation: Rotation, now: int, quiet_for: timedelta) -> list[str]:
    recent = [use for use in rotation.still if use.last_at > now - quiet_for // MICROSECOND]
    if not recent:
        return []
    latest = format_moment(recent[0].last_at)
    return [f"used within {format_duration(quiet_for)} by {_named(recent)}, last at {latest}"]


def _unmoved(rotation: Rotation, now: int, policy: Policy) -> list[str]:
    """Callers that belong to the old key, by the uses within the policy's `unused_for`, and lack a move."""
    since = now - policy.unused_for // MICROSECOND
    moved = {(use.service, use.caller) for use in rotation.moved}
    left = [
        use for use in rotation.old.uses if use.last_at >= since and (use.service, use.caller) not in moved
    ]
    return [f"not seen with the successor: {_named(left)}"] if left else []


def _named(uses: list[CallerUse]) -> str:
    names = [f"{use.caller or 'an unknown caller'} ({use.service})" for use in uses]
    rest = len(names) - _LISTED
    return ", ".join(names[:_LISTED]) + (f" and {rest} more" if rest > 0 else "")
