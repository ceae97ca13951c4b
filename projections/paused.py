"""Records with the pauses of their keys: those that are known from uses, and those that reports tell of."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import msgspec
from sqlalchemy import Connection, select

from projections.coverage import Coverage, SummaryRow
from projections.key_record import KeyRecord
from projections.pause import Pause, Sought
from projections.pauses import Span, read_pauses
from projections.periods import Period
from projections.tables import TABLES


def with_pauses(
    connection: Connection,
    records: Sequence[KeyRecord],
    aliases: Mapping[bytes, bytes],
    coverage: Coverage,
    sought: Sought,
) -> list[KeyRecord]:
    """The records, those of active keys with the pauses sought, as far as somebody watched."""
    began = {record.id: span for record in records if (span := _began(record, sought))}
    names = {key_id: key_id for key_id in began} | {
        alias: key_id for alias, key_id in aliases.items() if key_id in began
    }
    by_use = read_pauses(connection, names, began, sought)
    summaries = _summaries(connection, names)
    return [
        msgspec.structs.replace(record, pauses=pauses)
        if record.id in began and (pauses := tuple(_of(record, by_use, summaries, coverage, sought)))
        else record
        for record in records
    ]


def _began(record: KeyRecord, sought: Sought) -> Span | None:
    """What there was of a key at first; None where it cannot have paused so long and been used again."""
    last = record.last_used_at
    if last is None or last < sought.ended_since or record.status(sought.until) != "active":
        return None
    known = (record.first_used_at, record.created_at, record.summarized_from)
    if all(at is None or last - at < sought.at_least for at in known):
        return None
    first = [Span(use.first_at, use.first_at, use.first_position, use.first_position) for use in record.uses]
    if record.created_at is not None:
        at, position = record.created_at, record.created_position
        first.append(Span(at, at, position, position))
    if record.summarized_from is not None:
        at, position = record.summarized_from, record.summarized_from_position
        first.append(Span(at, at, position, position))
    return min(first, key=lambda span: span.first_at)


def _of(
    record: KeyRecord,
    by_use: Mapping[bytes, Sequence[Pause]],
    summaries: Mapping[bytes, Sequence[SummaryRow]],
    coverage: Coverage,
    sought: Sought,
) -> Iterator[Pause]:
    told = summaries.get(record.id, ())
    watched = coverage.covered(record.source, record.account, ())
    for pause in by_use.get(record.id, ()):
        if (record.is_minted_here or _is_within(pause, watched)) and not _is_broken(pause, told):
            yield pause
    yield from filter(sought.fits, _told(record, told))


def _is_within(pause: Pause, periods: Sequence[Period]) -> bool:
    return any(begin <= pause.began_at and pause.ended_at <= end for begin, end in periods)


def _is_broken(pause: Pause, told: Sequence[SummaryRow]) -> bool:
    """Whether a report knows of a use in the midst of it."""
    used = (at for each in told for at in (each.first_used_at, each.last_used_at) if at is not None)
    return any(pause.began_at < at < pause.ended_at for at in used)


def _told(record: KeyRecord, told: Sequence[SummaryRow]) -> Iterator[Pause]:
    """The pauses that reports tell of: of each the time from the last use to the end of what it covers."""
    moments = {use.last_at: use.last_position for use in record.uses}
    moments |= {use.first_at: use.first_position for use in record.uses}
    moments |= {at: each.position for each in told for at in (each.last_used_at, each.first_used_at) if at}
    for each in told:
        began_at = record.created_at if each.last_used_at is None else each.last_used_at
        later = min((at for at in moments if at > each.covers_to), default=None)
        earlier = [at for at in moments if at <= each.covers_to]
        if began_at is None or later is None or max(earlier, default=began_at) > began_at:
            continue
        if each.covers_from <= began_at:
            yield Pause(began_at, each.covers_to, later, each.position, moments[later])


def _summaries(connection: Connection, names: Mapping[bytes, bytes]) -> dict[bytes, list[SummaryRow]]:
    table, found = TABLES.summaries, defaultdict[bytes, list[SummaryRow]](list)
    for row in connection.execute(select(table).order_by(table.c.position)):
        summary = SummaryRow(*row)
        if summary.key_id in names:
            found[names[summary.key_id]].append(summary)
    return found
