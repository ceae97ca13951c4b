"""`keyledger.key/1`: one key with all that is known of it."""

from typing import Any, Literal

import msgspec

from ledger.moments import format_moment
from projections.key_record import CallerUse, Denial, KeyRecord
from projections.listed_key import ListedKey, listed_key


class UseLine(msgspec.Struct, frozen=True):
    """The uses of a key by one caller (None: unknown) of one service."""

    service: str
    caller: str | None
    count: int
    error_count: int
    first_at: str
    last_at: str
    first_position: int
    last_position: int


class DenialLine(msgspec.Struct, frozen=True):
    """The refusals of a key for one reason to one caller (None: unknown)."""

    reason: str
    service: str
    caller: str | None
    count: int
    first_at: str
    last_at: str
    last_position: int


class KeyDetails(ListedKey, frozen=True):
    """The row of a key and what is only told of one."""

    account: str | None
    scopes: tuple[str, ...]
    expires_at: str | None
    disabled_at: str | None
    revoked_at: str | None
    rotated_at: str | None
    confirmed_at: str | None
    uses: list[UseLine]
    denials: list[DenialLine]


class KeyDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A key of an organization, as it was at a position of the ledger."""

    schema: Literal["keyledger.key/1"] = "keyledger.key/1"
    organization: str
    position: int
    key: KeyDetails


def key_document(organization: str, position: int, record: KeyRecord, now: int) -> KeyDocument:
    """The document of a key at a moment."""
    row: tuple[Any, ...] = (
        *msgspec.structs.astuple(listed_key(record, now)),
        record.account,
        record.scopes,
        _moment(record.expires_at),
        _moment(record.disabled_at),
        _moment(record.revoked_at),
        _moment(record.rotated_at),
        _moment(record.marks.confirmed_at),
        [_use(use) for use in record.uses],
        [_denial(denial) for denial in record.denials],
    )
    return KeyDocument(organization=organization, position=position, key=KeyDetails(*row))


def _use(use: CallerUse) -> UseLine:
    return UseLine(
        use.service,
        use.caller,
        use.count,
        use.error_count,
        format_moment(use.first_at),
        format_moment(use.last_at),
        use.first_position,
        use.last_position,
    )


def _denial(denial: Denial) -> DenialLine:
    return DenialLine(
        str(denial.reason),
        denial.service,
        denial.caller,
        denial.count,
        format_moment(denial.first_at),
        format_moment(denial.last_at),
        denial.last_position,
    )


def _moment(at: int | None) -> str | None:
    return None if at is None else format_moment(at)
