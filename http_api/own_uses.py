"""The uses of the keys that callers of this server present: they are uses like any other, and recorded.

The first of a key from an address in a minute is on disk before the answer. The rest of that minute is
counted and stored as one use once the minute is over, or at the end of the process: a process that is killed
loses the count of a minute, never the use.
"""

import threading

import msgspec

from ledger.actor import Actor
from ledger.events import Authentication, Role
from ledger.ledger import Ledger
from ledger.secret import Secret
from ledger.usage import Use
from ledger.verdict import Presented, Verdict

SERVICE = "keyledger"
MINUTE_US = 60_000_000
MAX_PENDING = 10_000


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
        self._pending: dict[tuple[bytes, str | None], _Counted] = {}

    def verdict(self, secret: Secret, source_ip: str | None) -> Verdict:
        """Whether the secret is accepted, as of the latest commit; that it was presented gets recorded."""
        verdict = self._ledger.check(secret)
        if verdict.key_id is None:
            return verdict
        if verdict.valid and self.count(verdict, source_ip):
            return verdict
        return self._ledger.check(secret, Presented(SERVICE, source_ip=source_ip))

    def flush(self, *, everything: bool = False) -> None:
        """Store what was counted in minutes that are over."""
        now = self._ledger.clock()
        with self._lock:
            over = [place for place, each in self._pending.items() if everything or each.ends_at <= now]
            done = [(place, self._pending.pop(place)) for place in over]
        for (key_id, source_ip), counted in done:
            if counted.count:
                self._store(key_id, source_ip, counted)

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

    def _store(self, key_id: bytes, source_ip: str | None, counted: _Counted) -> None:
        org = self._ledger.organization(counted.organization)
        actor = Actor(key_id, Authentication.KEY, Role.ADMIN, SERVICE)
        use = Use(
            key=key_id,
            service=SERVICE,
            occurred_at=counted.first_at,
            last_at=counted.last_at,
            count=counted.count,
            source_ip=source_ip,
        )
        self._ledger.record_uses(org, actor, [use])
