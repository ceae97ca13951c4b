"""`keyledger.reconciliation/1`: on which keys a source and the ledger disagree."""

from typing import Literal

import msgspec

from ledger.ids import format_id
from ledger.moments import format_moment
from projections.key_record import KeyRecord
from projections.reconciliation import Difference, Disagreement, Reconciliation, SourceKey


class Side(msgspec.Struct, frozen=True):
    """A key as one of the two sides has it; unknown is None."""

    state: str | None
    owner: str | None
    created_at: str | None


class DifferenceLine(msgspec.Struct, frozen=True):
    """A key on which the two disagree; `where` says where the source tells of it."""

    kind: Difference
    key_id: str | None
    key_name: str | None
    source: str | None
    external_id: str | None
    here: Side | None
    there: Side | None
    where: str | None


class ExtentLine(msgspec.Struct, frozen=True):
    """Of which keys the listing was taken to hold all: none where there is no source."""

    sources: list[str]
    accounts: list[str]
    owners: list[str]


class ReconciliationSummary(msgspec.Struct, frozen=True):
    """How many keys there are on each side, the same on both, and with each difference."""

    listed: int
    known: int
    agreeing: int
    differences: dict[Difference, int]


class ReconciliationDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The comparison of a listing with an organization's ledger at a position."""

    schema: Literal["keyledger.reconciliation/1"] = "keyledger.reconciliation/1"
    organization: str
    position: int
    listed_at: str
    extent: ExtentLine
    summary: ReconciliationSummary
    differences: list[DifferenceLine]


def reconciliation_document(
    organization: str, position: int, found: Reconciliation
) -> ReconciliationDocument:
    """The document of a comparison."""
    extent = found.extent
    counts = {kind: sum(each.kind is kind for each in found.differences) for kind in Difference}
    return ReconciliationDocument(
        organization=organization,
        position=position,
        listed_at=format_moment(extent.listed_at),
        extent=ExtentLine(sorted(extent.sources), sorted(extent.accounts), sorted(extent.owners)),
        summary=ReconciliationSummary(found.listed, found.known, found.agreeing, counts),
        differences=[_line(each, extent.listed_at) for each in found.differences],
    )


def _line(each: Disagreement, at: int) -> DifferenceLine:
    here, there = each.here, each.there
    return DifferenceLine(
        kind=each.kind,
        key_id=format_id(here.id) if here else None,
        key_name=here.name if here else None,
        source=here.source if here else there.source if there else None,
        external_id=there.external_id if there else here.external_id if here else None,
        here=None if here is None else _side_here(here, at),
        there=None if there is None else _side_there(there),
        where=str(there.where) if there and there.where else None,
    )


def _side_here(record: KeyRecord, at: int) -> Side:
    return Side(str(record.status(at)), record.owner, _moment(record.created_at))


def _side_there(key: SourceKey) -> Side:
    return Side(key.state and key.state.value, key.owner, _moment(key.created_at))


def _moment(at: int | None) -> str | None:
    return None if at is None else format_moment(at)
