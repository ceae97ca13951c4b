"""How often those who ask about keys use their own, told once a minute of each."""

import msgspec

from ledger.events import KeyUsed
from ledger.verdict import Presented, Standing, used

MINUTE_US = 60_000_000


class _Tally(msgspec.Struct):
    """Uses of one key that are still to be told."""

    key: Standing
    presented: Presented
    first_at: int
    last_at: int
    count: int = 0


class AskerUses:
    """A first use is due at once, later ones a minute after the one before was told.

    To record each would double what every check writes. A process that is killed leaves the counts of a
    minute at most untold; the keys that it was asked about are recorded one by one.
    """

    def __init__(self) -> None:
        self._tallies: dict[tuple[bytes, str], _Tally] = {}
        self._due_at: dict[tuple[bytes, str], int] = {}

    def count(self, key: Standing, presented: Presented, now: int) -> None:
        """Note that a key was used to ask."""
        group = (key.key_id, presented.service)
        tally = self._tallies.get(group)
        if tally is None:
            tally = self._tallies[group] = _Tally(key, presented, now, now)
        tally.count += 1
        tally.first_at = min(tally.first_at, now)
        tally.last_at = max(tally.last_at, now)

    def due(self, now: int, *, at_once: bool = False) -> list[KeyUsed]:
        """What is to be told now; it counts as told."""
        told = []
        for group, tally in list(self._tallies.items()):
            if at_once or now >= self._due_at.get(group, 0):
                del self._tallies[group]
                self._due_at[group] = now + MINUTE_US
                told.append(_event(tally, now))
        if not self._tallies:
            self._due_at = {group: at for group, at in self._due_at.items() if at > now}
        return told


def _event(tally: _Tally, now: int) -> KeyUsed:
    event = used(tally.key, tally.presented, tally.first_at)
    last_at = tally.last_at if tally.count > 1 else None
    return msgspec.structs.replace(event, recorded_at=now, count=tally.count, last_at=last_at)
