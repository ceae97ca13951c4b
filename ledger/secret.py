"""The secret of an API key: made, checked offline, masked, fingerprinted; never stored.

`kl_<43 base62 characters of 256 random bits>_<6 base62 characters of CRC32>`: underscores only, so that a
double click selects all of it, and a checksum, so that a scanner can reject a look-alike on its own.
"""

import hmac
import re
from hashlib import sha256
from zlib import crc32

import msgspec

from ledger.errors import InvalidInput
from ledger.ids import RandomBytes

DEFAULT_PREFIX = "kl"
MAX_SECRET = 128

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_PAIRS = tuple(first + second for first in _ALPHABET for second in _ALPHABET)
_BODY_LENGTH = 43
_SUM_LENGTH = 6
_SECRET_BYTES = 32
_SHOWN = 4
SHORTEST_SECRET = 1 + 1 + _BODY_LENGTH + 1 + _SUM_LENGTH
_PREFIX = re.compile(r"[a-z][a-z0-9]{0,15}", re.ASCII)
_REST = f"_[0-9A-Za-z]{{{_BODY_LENGTH}}}_[0-9A-Za-z]{{{_SUM_LENGTH}}}"
_SECRET = re.compile(_PREFIX.pattern + _REST, re.ASCII)
_MIXED = "(?=[0-9a-z]*[A-Z])(?=[0-9A-Z]*[a-z])[0-9A-Za-z]"
# Also one that was cut off at its end or its beginning; few ids and no times have letters of both cases.
_MUCH_OF_ONE = re.compile(
    rf"{_SECRET.pattern}|{_PREFIX.pattern}_{_MIXED}{{16,}}(?:_[0-9A-Za-z]*)?"
    # From where letters begin: tried within them, a long text would take time by its square.
    rf"|(?P<end>(?<![0-9A-Za-z])(?:{_MIXED}{{16,}}_[0-9A-Za-z]{{{_SUM_LENGTH}}}(?![0-9A-Za-z])"
    # Few names have letters of both cases and a digit for so long.
    rf"|(?=[A-Za-z]*[0-9]){_MIXED}{{32,}}(?:_[0-9A-Za-z]*)?))",
    re.ASCII,
)


class Secret:
    """The text that authenticates; its repr and str are masked, `reveal` is the only way to the text."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself: for the one showing at creation."""
        return self._text

    @property
    def masked(self) -> str:
        """Prefix, first and last four characters: `kl_1a2B...9zY8`."""
        prefix, _, rest = self._text.partition("_")
        return f"{prefix}_{rest[:_SHOWN]}...{rest[-_SHOWN:]}"

    @property
    def is_well_formed(self) -> bool:
        """Whether shape and checksum are right, which says nothing about whether the key exists."""
        if not _SECRET.fullmatch(self._text):
            return False
        stem, _, given = self._text.rpartition("_")
        return given == _checksum(stem)

    def __repr__(self) -> str:
        return f"Secret({self.masked!r})" if self.is_well_formed else "Secret('...')"

    __str__ = __repr__


class Peppers(msgspec.Struct, frozen=True):
    """Keys outside the database that fingerprints are made under: a current one (or none), retired ones."""

    current: str | None = None
    keys: dict[str, bytes] = {}

    def fingerprint(self, secret: Secret, pepper_id: str | None) -> bytes:
        """SHA-256 of the secret, or HMAC-SHA-256 under the pepper; 32 bytes."""
        raw = secret.reveal().encode(errors="surrogatepass")
        if pepper_id is None:
            return sha256(raw).digest()
        return hmac.digest(self.keys[pepper_id], raw, "sha256")

    def fingerprints(self, secret: Secret) -> list[bytes]:
        """Every fingerprint under which the secret may be stored: the current pepper's first."""
        if not self.keys:
            return [self.fingerprint(secret, None)]
        others = [pepper_id for pepper_id in self.keys if pepper_id != self.current]
        order = dict.fromkeys([self.current, *others, None])
        return [self.fingerprint(secret, pepper_id) for pepper_id in order]

    def __repr__(self) -> str:
        return f"Peppers(current={self.current!r}, ids={sorted(self.keys)!r})"


def holds_secret(text: str) -> bool:
    """Whether a secret, or what looks like one, stands anywhere in the text."""
    return len(text) >= SHORTEST_SECRET and _SECRET.search(text) is not None


def refuse_secrets(what: str, *texts: str | None) -> None:
    """Raise InvalidInput, which does not repeat it, where one of the texts holds a secret."""
    if any(text is not None and holds_secret(text) for text in texts):
        raise InvalidInput(f"{what} holds a secret, which must be stored nowhere; leave it out")


def mask_secrets(text: str) -> str:
    """The text with all that looks like a secret in it masked, for messages that quote what was given."""
    return _SECRET.sub(lambda found: Secret(found[0]).masked, text)


def mask_much(text: str) -> str:
    """The same, and of what looks like much of a secret: for refusals alone, as names may look so, too."""
    return _MUCH_OF_ONE.sub(_masked, text)


def _masked(found: re.Match[str]) -> str:
    return f"...{found[0][-_SHOWN:]}" if found["end"] else Secret(found[0]).masked


def shape(prefix: str) -> str:
    """What secrets of a prefix look like, as a regular expression that Python, RE2 and PCRE read alike.

    One in four billion of what has the shape has the checksum too. Raises InvalidInput for no prefix.
    """
    check_prefix(prefix)
    return prefix + _REST


def secret_length(prefix: str) -> int:
    """How many characters a secret of a prefix has."""
    return len(prefix) + SHORTEST_SECRET - 1


def check_prefix(prefix: str) -> None:
    """Refuse a prefix that would not survive a double click or a scanner."""
    if not _PREFIX.fullmatch(prefix):
        raise InvalidInput(
            f"{prefix!r} cannot be a secret's prefix; use 1 to 16 of a-z and 0-9, a letter first"
        )


def new_secret(prefix: str, random_bytes: RandomBytes) -> Secret:
    """A fresh secret of 256 random bits."""
    body = _base62(int.from_bytes(random_bytes(_SECRET_BYTES), "big"), _BODY_LENGTH)
    stem = f"{prefix}_{body}"
    return Secret(f"{stem}_{_checksum(stem)}")


def _checksum(stem: str) -> str:
    return _base62(crc32(stem.encode()), _SUM_LENGTH)


def _base62(number: int, length: int) -> str:
    # Two digits at a time, since every check does this.
    pairs = []
    for _ in range(length // 2):
        number, pair = divmod(number, len(_PAIRS))
        pairs.append(_PAIRS[pair])
    if length % 2:
        pairs.append(_ALPHABET[number])
    return "".join(reversed(pairs))
