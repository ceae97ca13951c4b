"""A key as lists and reports print it: the row of `keyledger.keys/1`."""

import msgspec

from ledger.ids import format_id
from ledger.moments import format_moment
from projections.key_record import KeyRecord


class ListedKey(msgspec.Struct, frozen=True):
    """The fields of a key in their printed order: ids as text, moments in RFC 3339, unknown as None."""

    id: str
    name: str
    kind: str
    source: str
    external_id: str | None
    masked: str | None
    owner: str | None
    state: str
    created_at: str | None
    created_by: str | None
    first_used_at: str | None
    last_used_at: str | None
    use_count: int | None
    error_count: int
    services: list[str]
    successor_id: str | None
    overlap_ends_at: str | None


def listed_key(record: KeyRecord, as_of: int) -> ListedKey:
    """The row of a key at a moment."""
    return ListedKey(
        id=format_id(record.id),
        name=record.name,
        kind=record.kind.value,
        source=record.source,
        external_id=record.external_id,
        masked=record.masked,
        owner=record.owner,
        state=str(record.status(as_of)),
        created_at=_moment(record.created_at),
        created_by=record.created_by,
        first_used_at=_moment(record.first_used_at),
        last_used_at=_moment(record.last_used_at),
        use_count=record.use_count,
        error_count=record.error_count,
        services=record.services,
        successor_id=None if record.successor_id is None else format_id(record.successor_id),
        overlap_ends_at=_moment(record.overlap_ends_at),
    )


def _moment(at: int | None) -> str | None:
    return None if at is None else format_moment(at)
