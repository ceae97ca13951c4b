"""What a scan found, by whose it is."""

from collections import defaultdict
from typing import TYPE_CHECKING, Literal

import msgspec

from ledger.scanning.found import Haul, Place

if TYPE_CHECKING:
    from audit_cli.session import Session
    from ledger.secret import Secret
    from projections.key_record import KeyRecord

_LIVE = frozenset({"active", "disabled"})
_SHORT = 8


class FoundKey(msgspec.Struct, frozen=True):
    """A key of the organization whose secret was found, and where."""

    id: str
    name: str
    masked: str | None
    owner: str | None
    state: str
    last_used_at: str | None
    places: list[Place]

    @property
    def is_live(self) -> bool:
        """Whether the secret opens doors, or would again once somebody enables the key."""
        return self.state in _LIVE

    @property
    def short_id(self) -> str:
        """The beginning of the id, which is enough to name the key."""
        return self.id[:_SHORT]


class Stray(msgspec.Struct, frozen=True):
    """A secret of nobody here, and where it was found."""

    masked: str
    places: list[Place]


class ScanResult(msgspec.Struct):
    """What was found; `organization` is whose keys were looked up, None where no ledger was asked.

    `recorded` is how many places were new to the ledger, None where it was not told; `doubt` is why those of
    nobody may be somebody's after all.
    """

    haul: Haul
    organization: str | None = None
    keys: list[FoundKey] = []
    strays: list[Stray] = []
    recorded: int | None = None
    doubt: str | None = None

    @property
    def places(self) -> int:
        """How many places hold secrets of keys of the organization."""
        return sum(len(key.places) for key in self.keys)

    @property
    def live(self) -> list[FoundKey]:
        """The keys that can still do harm."""
        return [key for key in self.keys if key.is_live]

    def reaches(self, threshold: Literal["any", "live", "none"]) -> bool:
        """Whether enough was found to fail for."""
        match threshold:
            case "none":
                return False
            case "live":
                return bool(self.live or self.strays)
            case "any":
                return bool(self.keys or self.strays)


def unasked(haul: Haul) -> ScanResult:
    """What was found, when no ledger is asked."""
    found = _by_secret(haul)
    return ScanResult(haul, strays=[_stray(secret, places) for secret, places in found])


def looked_up(session: "Session", haul: Haul) -> ScanResult:
    """What was found, and which keys of the organization it is."""
    from ledger.errors import WrongState

    result = ScanResult(haul, session.organization.name)
    found = _by_secret(haul)
    if not found:
        return result
    is_unknown = False
    with session.view() as view:
        for secret, places in found:
            verdict = session.ledger.check(secret)
            is_unknown = is_unknown or verdict.key_id is None
            if verdict.key_id is None or verdict.organization != session.organization.name:
                result.strays.append(_stray(secret, places))
                continue
            result.keys.append(_key(view.record(verdict.key_id), places, session.now))
    if is_unknown:
        try:
            session.ledger.require_peppers()
        except WrongState as error:
            result.doubt = str(error)
    result.keys.sort(key=lambda key: (not key.is_live, key.name, key.id))
    return result


def _by_secret(haul: Haul) -> "list[tuple[Secret, list[Place]]]":
    """Each secret once, with its places in order."""
    secrets: dict[str, Secret] = {}
    places: dict[str, set[Place]] = defaultdict(set)
    for found in haul.found:
        text = found.secret.reveal()
        secrets.setdefault(text, found.secret)
        places[text].add(found.place)
    ordered = [(secret, sorted(places[text], key=str)) for text, secret in secrets.items()]
    return sorted(ordered, key=lambda each: (str(each[1][0]), each[0].masked))


def _stray(secret: "Secret", places: list[Place]) -> Stray:
    return Stray(secret.masked, places)


def _key(record: "KeyRecord", places: list[Place], now: int) -> FoundKey:
    from projections.listed_key import listed_key

    row = listed_key(record, now)
    return FoundKey(row.id, row.name, row.masked, row.owner, row.state, row.last_used_at, places)
