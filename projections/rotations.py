"""Rotations under way: who still uses the old key, who has moved to the successor, and whether it can end."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from ledger.errors import NotFound
from ledger.events import KeyState
from ledger.moments import MICROSECOND, format_duration, format_moment
from projections.audit.measure import Measures
from projections.audit.policy import Policy
from projections.audit.usage_state import is_covered, missing_coverage
from projections.callers import Caller
from projections.key_record import CallerUse, Denial, KeyRecord

if TYPE_CHECKING:
    from projections.view import View

QUIET_FOR = timedelta(days=1)
# So far back uses a day and addresses are looked for.
LOOKED_AT = timedelta(days=30)
_LISTED = 3
_ONE_DAY = timedelta(days=1)


class OldCaller(msgspec.Struct, frozen=True):
    """Who has used the old key since the rotation: when last, how often a day, and from where."""

    service: str
    caller: str | None
    last_at: int
    position: int
    uses_a_day: float
    addresses: tuple[str, ...]


class Rotation(msgspec.Struct, frozen=True):
    """An old key that is not revoked yet, and its successor; None where that is not known.

    `callers` are those of the old key since `since`: the rotation, or 30 days ago; until `now`.
    """

    old: KeyRecord
    successor: KeyRecord | None
    now: int
    callers: Sequence[Caller] = ()

    @property
    def rotated_at(self) -> int:
        """When the successor was made."""
        return self.old.rotated_at or 0

    @property
    def is_over(self) -> bool:
        """Whether the old key is refused, because the overlap has ended."""
        return self.old.overlap_ends_at is not None and self.old.overlap_ends_at <= self.now

    @property
    def still(self) -> list[OldCaller]:
        """Who has used the old key since, the latest first."""
        lately = {(each.service, each.caller): each for each in self.callers}
        found = []
        for use in self.old.uses:
            if use.last_at >= self.rotated_at:
                of_use = lately.get((use.service, use.caller))
                count, addresses = (of_use.count, of_use.addresses) if of_use else (0, ())
                rate = count / self._days
                found.append(
                    OldCaller(use.service, use.caller, use.last_at, use.last_position, rate, addresses)
                )
        return sorted(found, key=lambda use: (-use.last_at, use.service, use.caller or ""))

    @property
    def refused(self) -> list[Denial]:
        """Whom the old key was refused since, the latest first: they have not moved either."""
        since = (denial for denial in self.old.denials if denial.last_at >= self.rotated_at)
        return sorted(since, key=lambda each: (-each.last_at, each.service, each.caller or ""))

    @property
    def moved(self) -> list[CallerUse]:
        """Who uses the successor, the latest first."""
        uses = self.successor.uses if self.successor else ()
        return sorted(uses, key=lambda use: (-use.last_at, use.service, use.caller or ""))

    @property
    def uses_a_day(self) -> float:
        """How often the old key is used in all."""
        return sum(each.count for each in self.callers) / self._days

    @property
    def addresses(self) -> list[str]:
        """From where the old key has been used since, the latest first."""
        since = [address for address in self.old.addresses if address.last_at >= self.rotated_at]
        return [each.source_ip for each in sorted(since, key=lambda each: (-each.last_at, each.source_ip))]

    @property
    def _days(self) -> float:
        """So many days were looked at; of less than one nobody can tell what a day brings."""
        span = (self.now - looked_at_since(self.old, self.now)) * MICROSECOND
        return max(span, _ONE_DAY) / _ONE_DAY


def looked_at_since(record: KeyRecord, now: int) -> int:
    """From which moment on the uses of an old key are counted."""
    return max(record.rotated_at or 0, now - LOOKED_AT // MICROSECOND)


def is_rotating(record: KeyRecord) -> bool:
    """Whether a key is the old one of a rotation that is not finished."""
    return record.successor_id is not None and record.state is not KeyState.REVOKED


def open_rotations(
    records: Iterable[KeyRecord], callers: Mapping[bytes, Sequence[Caller]], now: int
) -> list[Rotation]:
    """The rotations whose old key was not revoked, the one whose overlap ends first at the beginning."""
    known = {record.id: record for record in records}
    rotations = [
        Rotation(record, known.get(record.successor_id or b""), now, callers.get(record.id, ()))
        for record in known.values()
        if is_rotating(record)
    ]
    return sorted(rotations, key=lambda each: (each.old.overlap_ends_at or 0, each.old.name, each.old.id))


def rotations_in(view: "View", now: int) -> list[Rotation]:
    """The open rotations of a view's organization."""
    records = view.records()
    since = {record.id: looked_at_since(record, now) for record in records if is_rotating(record)}
    return open_rotations(records, view.callers(since), now)


def rotation_of(rotations: Sequence[Rotation], key_id: bytes) -> Rotation:
    """The rotation that a key is the old or else the new one of; NotFound where it is neither."""
    for rotation in rotations:
        if key_id == rotation.old.id:
            return rotation
    for rotation in rotations:
        if key_id == rotation.old.successor_id:
            return rotation
    raise NotFound("no rotation of this key is open; `keyledger rotation status` shows those that are")


def reasons_to_wait(rotation: Rotation, quiet_for: timedelta, policy: Policy) -> list[str]:
    """Why the old key cannot be revoked without somebody noticing; nothing where it is safe.

    Somebody would notice who used the old key lately, or who used it before and has not been seen with the
    successor: that a caller is silent does not mean that it has moved. A key whose uses nobody tells is never
    safe. Once the overlap is over the key is refused anyway, and there is nothing left to wait for, unless
    somebody accepts it all the same. What the policy says of some keys alone counts for them here too.
    """
    policy = Measures(policy, ()).of(rotation.old).policy
    if rotation.is_over:
        ended = rotation.old.overlap_ends_at or 0
        return _recent([use for use in rotation.still if use.last_at >= ended], rotation.now, quiet_for)
    reasons = [*_recent(rotation.still, rotation.now, quiet_for), *_unmoved(rotation, policy)]
    if rotation.successor is None or rotation.successor.status(rotation.now) != KeyState.ACTIVE:
        reasons.append("its successor is not active, so there is nothing to move to")
    if not is_covered(rotation.old, rotation.now, policy):
        reasons.append(missing_coverage(rotation.old, rotation.now, policy))
    return reasons


def _recent(still: Sequence[OldCaller], now: int, quiet_for: timedelta) -> list[str]:
    recent = [use for use in still if use.last_at > now - quiet_for // MICROSECOND]
    if not recent:
        return []
    latest = format_moment(recent[0].last_at)
    return [f"used within {format_duration(quiet_for)} by {_named(recent)}, last at {latest}"]


def _unmoved(rotation: Rotation, policy: Policy) -> list[str]:
    """Callers that belong to the old key, by the uses within the policy's `unused_for`, and lack a move."""
    since = rotation.now - policy.unused_for // MICROSECOND
    moved = {(use.service, use.caller) for use in rotation.moved}
    left = [
        use for use in rotation.old.uses if use.last_at >= since and (use.service, use.caller) not in moved
    ]
    return [f"not seen with the successor: {_named(left)}"] if left else []


def _named(uses: Sequence[CallerUse | OldCaller]) -> str:
    names = [f"{use.caller or 'an unknown caller'} ({use.service})" for use in uses]
    rest = len(names) - _LISTED
    return ", ".join(names[:_LISTED]) + (f" and {rest} more" if rest > 0 else "")
