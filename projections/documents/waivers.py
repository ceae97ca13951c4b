"""`keyledger.waivers/1`: the findings that were accepted for a time."""

from collections.abc import Iterable
from typing import Literal, TypeAlias

import msgspec

from ledger.ids import format_id
from ledger.moments import format_moment
from projections.key_record import KeyRecord
from projections.marks import Waiver

WaivedKey: TypeAlias = tuple[KeyRecord, Waiver]


class WaiverLine(msgspec.Struct, frozen=True):
    """A waiver of one rule's finding on one key."""

    rule: str
    key_id: str
    key_name: str
    state: Literal["live", "expired"]
    waived_at: str
    expires_at: str
    owner: str | None
    reason: str
    position: int


class WaiversDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The waivers of an organization, the expired too: the one that ends first at the beginning."""

    schema: Literal["keyledger.waivers/1"] = "keyledger.waivers/1"
    organization: str
    position: int
    waivers: list[WaiverLine]


def waived_keys(records: Iterable[KeyRecord]) -> list[WaivedKey]:
    """The waivers with their keys, in the order in which they end."""
    told = [(record, waiver) for record in records for waiver in record.marks.waivers]
    return sorted(told, key=lambda each: (each[1].expires_at, each[0].name, each[1].rule))


def waivers_document(
    organization: str, position: int, told: Iterable[WaivedKey], now: int
) -> WaiversDocument:
    """The document of some waivers."""
    lines = [_line(record, waiver, now) for record, waiver in told]
    return WaiversDocument(organization=organization, position=position, waivers=lines)


def waiver_state(waiver: Waiver, now: int) -> Literal["live", "expired"]:
    """Whether it is in force."""
    return "live" if now < waiver.expires_at else "expired"


def _line(record: KeyRecord, waiver: Waiver, now: int) -> WaiverLine:
    return WaiverLine(
        rule=waiver.rule,
        key_id=format_id(record.id),
        key_name=record.name,
        state=waiver_state(waiver, now),
        waived_at=format_moment(waiver.waived_at),
        expires_at=format_moment(waiver.expires_at),
        owner=waiver.owner,
        reason=waiver.reason,
        position=waiver.position,
    )
