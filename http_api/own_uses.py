"""The uses of the keys that callers of this server present: they are uses like any other, and recorded.

The first of a key from an address in a minute is on disk before the answer. The rest of that minute is
counted and stored as one use once the minute is over, or at the end of the process: a process that is killed
loses the count of a minute, never the use. What cannot be stored is kept for as long as the process runs; one
that is stopped so that its ledger can be restored loses it, too.
"""

import threading
from collections import deque
from typing import TypeAlias

import msgspec

from ledger.actor import Actor
from ledger.errors import KeyledgerError, LedgerUnavailable
from ledger.events import Authentication, Role
from ledger.ledger import Ledger
from ledger.secret import Secret
from ledger.usage import Use
from ledger.verdict import Presented, Verdict

SERVICE = "keyledger"
MINUTE_US = 60_000_000
MAX_PENDING = 10_000


# A key, and the address that it was presented from.
_Place: TypeAlias = tuple[bytes, str | None]


class _Counted(msgspec.Struct):
    """The uses of a key from one address in a minute, past the first."""

    organization: str
    ends_at: int
    count: int = 0
    first_at: int = 0
    last_at: int = 0


class OwnUses:
    """What one process has counted."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._lock = threading.Lock()
        self._pending: dict[_Place, _Counted] = {}
        self._left: list[tuple[_Place, _Counted]] = []
        # Of this process alone, so that what is stored twice after a lost answer counts once.
        self._process = ledger.random_bytes(8).hex()

    def verdict(self, secret: Secret, source_ip: str | None) -> Verdict:
        """Whether the secret is accepted, as of the latest commit; that it was presented gets recorded."""
        verdict = self._ledger.check(secret)
        if verdict.key_id is None:
            return verdict
        if verdict.valid and self.count(verdict, source_ip):
            return verdict
        return self._ledger.check(secret, Presented(SERVICE, source_ip=source_ip))

    def flush(self, *, everything: bool = False) -> None:
        """Store what was counted in minutes that are over; what cannot be is kept for the next time."""
        now = self._ledger.clock()
        with self._lock:
            over = [place for place, each in self._pending.items() if everything or each.ends_at <= now]
            done = deque([*self._left, *((place, self._pending.pop(place)) for place in over)])
            self._left = []
        failed: list[tuple[_Place, _Counted]] = []
        why: KeyledgerError | None = None
        try:
            # Where nothing can be reached, each would wait for it anew.
            while done and not isinstance(why, LedgerUnavailable):
                failed.append(done.popleft())
                try:
                    self._store(*failed[-1])
                except KeyledgerError as error:
                    why = error
                else:
                    failed.pop()
        finally:
            with self._lock:
                # What failed comes last, so that it holds up no other.
                self._left = [*done, *failed, *self._left][:MAX_PENDING]
        if why is not None:
            raise why

    def count(self, verdict: Verdict, source_ip: str | None) -> bool:
        """Whether counting the use was enough; the first of a minute is to be recorded at once."""
        now = self._ledger.clock()
        if verdict.key_id is None or verdict.organization is None:
            return False
        place = (verdict.key_id, source_ip)
        with self._lock:
            counted = self._pending.get(place)
            if counted is None or not counted.ends_at - MINUTE_US <= now < counted.ends_at:
                if counted is None and len(self._pending) < MAX_PENDING:
                    self._pending[place] = _Counted(verdict.organization, now - now % MINUTE_US + MINUTE_US)
                return False
            counted.first_at = counted.first_at or now
            counted.count += 1
            counted.last_at = max(counted.last_at, now)
        return True

    def _store(self, place: _Place, counted: _Counted) -> None:
        if not counted.count:
            return
        key_id, source_ip = place
        org = self._ledger.organization(counted.organization)
        actor = Actor(key_id, Authentication.KEY, Role.ADMIN, SERVICE)
        use = Use(
            key=key_id,
            service=SERVICE,
            occurred_at=counted.first_at,
            last_at=counted.last_at,
            count=counted.count,
            source_ip=source_ip,
            given_id=f"{self._process} {key_id.hex()} {source_ip} {counted.ends_at}",
        )
        self._ledger.record_uses(org, actor, [use])
