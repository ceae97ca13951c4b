"""Verdicts of a short while ago, for when the server is down: by a keyed hash, never by the secret."""

from collections import OrderedDict
from collections.abc import Callable
from hashlib import blake2b
from threading import Lock

from usage_client.verdict import Verdict

MOST = 10_000
KNOWN_FOR_S = 900.0

_HASH_BYTES = 16


class KnownKeys:
    """The last verdict of each of the 10,000 keys presented last, for 15 minutes; in memory only."""

    def __init__(self, clock: Callable[[], float], random_bytes: Callable[[int], bytes]) -> None:
        self._clock = clock
        self._salt = random_bytes(_HASH_BYTES)
        self.forget()

    def forget(self) -> None:
        self._lock = Lock()
        self._verdicts: OrderedDict[bytes, tuple[float, Verdict]] = OrderedDict()

    def remember(self, secret: str, verdict: Verdict) -> None:
        """Keep a verdict, but not that a key is unknown: of those there is no end."""
        name = self._name(secret)
        with self._lock:
            self._verdicts.pop(name, None)
            if verdict.key_id is not None:
                self._verdicts[name] = (self._clock(), verdict)
                if len(self._verdicts) > MOST:
                    self._verdicts.popitem(last=False)

    def recall(self, secret: str) -> Verdict | None:
        """The verdict of a short while ago."""
        with self._lock:
            at, verdict = self._verdicts.get(self._name(secret), (0.0, None))
        return verdict if verdict is not None and self._clock() - at < KNOWN_FOR_S else None

    def _name(self, secret: str) -> bytes:
        raw = secret.encode(errors="surrogatepass")
        return blake2b(raw, digest_size=_HASH_BYTES, key=self._salt).digest()
