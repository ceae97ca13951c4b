"""What a source says exists against what the ledger knows: unknown here, gone there, or told differently."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from enum import StrEnum

import msgspec

from ledger.events import KeyKind, KeyState
from ledger.ids import format_id
from ledger.observation import is_slot
from projections.key_record import KeyRecord


class Difference(StrEnum):
    """How a source and the ledger can disagree on a key, the worst first."""

    UNKNOWN_HERE = "unknown-here"
    GONE_THERE = "gone-there"
    STATE_DIFFERS = "state-differs"
    OWNER_DIFFERS = "owner-differs"
    CREATION_DIFFERS = "creation-differs"


class SourceKey(msgspec.Struct, frozen=True):
    """A key as a source has it; what it does not say is None. `key_id` is where the ledger would keep it."""

    external_id: str
    source: str | None = None
    account: str | None = None
    state: KeyState | None = None
    owner: str | None = None
    created_at: int | None = None
    key_id: bytes | None = None
    where: str | int = ""


class Extent(msgspec.Struct, frozen=True):
    """Of which keys a listing must hold all: of these sources and, where any are named, accounts and owners.

    Without a source it is no complete listing, and no key that it lacks is gone. A key that was made after
    `listed_at` could not be in it.
    """

    listed_at: int
    sources: frozenset[str] = frozenset()
    accounts: frozenset[str] = frozenset()
    owners: frozenset[str] = frozenset()

    def expects(self, record: KeyRecord) -> bool:
        """Whether a key that can be used must be in the listing."""
        return (
            record.kind is KeyKind.LONG_LIVED
            and _state(record, self.listed_at) is not KeyState.REVOKED
            and record.source in self.sources
            and (not self.accounts or record.account in self.accounts)
            and (not self.owners or record.owner in self.owners)
            and (record.created_at is None or record.created_at <= self.listed_at)
        )


class Disagreement(msgspec.Struct, frozen=True):
    """A key on which the two disagree, and how; one side is missing where it does not know the key."""

    kind: Difference
    here: KeyRecord | None
    there: SourceKey | None


class Reconciliation(msgspec.Struct, frozen=True):
    """The outcome: how many keys each side has, how many are the same on both, and all that differs."""

    extent: Extent
    listed: int
    known: int
    agreeing: int
    differences: list[Disagreement]


class KnownKeys:
    """The keys of the ledger by all names that a source may have for them."""

    def __init__(self, records: Sequence[KeyRecord], links: Mapping[bytes, bytes]) -> None:
        self.records = records
        self._links = links
        self._by_id = {record.id: record for record in records}
        self._by_name: dict[str, list[KeyRecord]] = defaultdict(list)
        self._by_birth: dict[tuple[str, str, int], list[KeyRecord]] = defaultdict(list)
        for record in records:
            self._by_name[record.external_id or format_id(record.id)].append(record)
            if record.owner is not None and record.created_at is not None:
                self._by_birth[record.source, record.owner, record.created_at].append(record)

    def find(self, key: SourceKey) -> KeyRecord | None:
        """The key that a source means, also where a report knows it by its slot and the other by its id."""
        if key.key_id is not None:
            found = self._by_id.get(self._links.get(key.key_id, key.key_id))
            return found or self._born_with(key)
        named = [each for each in self._by_name.get(key.external_id, ()) if key.source in (None, each.source)]
        # Keys follow each other in a slot; the one that is not revoked is there now.
        return max(
            named,
            key=lambda each: (each.state is not KeyState.REVOKED, each.created_at or 0, each.id),
            default=None,
        )

    def _born_with(self, key: SourceKey) -> KeyRecord | None:
        if key.source is None or key.owner is None or key.created_at is None:
            return None
        born = self._by_birth.get((key.source, key.owner, key.created_at), ())
        others = [each for each in born if is_slot(each.external_id) is not is_slot(key.external_id)]
        return others[0] if len(others) == 1 else None


def reconcile(listed: Sequence[SourceKey], known: KnownKeys, extent: Extent) -> Reconciliation:
    """Compare a listing, in which each key stands once, with the ledger."""
    differences: list[Disagreement] = []
    met: set[bytes] = set()
    agreeing = 0
    for there in listed:
        here = known.find(there)
        if here is None:
            differences.append(Disagreement(Difference.UNKNOWN_HERE, None, there))
            continue
        met.add(here.id)
        told = _compared(here, there, extent.listed_at)
        differences += [Disagreement(kind, here, there) for kind in told]
        agreeing += not told
    expected = [record for record in known.records if extent.expects(record)]
    differences += [
        Disagreement(Difference.GONE_THERE, record, None) for record in expected if record.id not in met
    ]
    order = list(Difference)
    differences.sort(key=lambda each: (order.index(each.kind), *_called(each)))
    return Reconciliation(
        extent, len(listed), len(met | {record.id for record in expected}), agreeing, differences
    )


def _compared(here: KeyRecord, there: SourceKey, at: int) -> list[Difference]:
    told = (
        (Difference.STATE_DIFFERS, there.state is not None and there.state is not _state(here, at)),
        (Difference.OWNER_DIFFERS, there.owner is not None and not _same(there.owner, here.owner)),
        (
            Difference.CREATION_DIFFERS,
            None not in (there.created_at, here.created_at) and there.created_at != here.created_at,
        ),
    )
    return [kind for kind, differs in told if differs]


def _state(record: KeyRecord, at: int) -> KeyState:
    """What an expired key is for anybody who lists keys: over."""
    return KeyState.REVOKED if record.status(at) == "expired" else record.state


def _same(one: str, other: str | None) -> bool:
    return other is not None and one.casefold() == other.casefold()


def _called(each: Disagreement) -> tuple[str, bytes]:
    if each.here is not None:
        return each.here.name, each.here.id
    return (each.there.external_id if each.there else ""), b""
