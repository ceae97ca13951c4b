"""What happened to a key, told in order: its events, and in between who began to use it and until when."""

from collections.abc import Iterator, Sequence
from itertools import groupby

import msgspec

from audit_cli import console
from audit_cli.event_wording import describe
from audit_cli.reports.terminal import printable, wrapped
from audit_cli.wording import counted, moment
from ledger.events import KeyUseDenied
from ledger.ids import format_id
from ledger.recorded import Recorded
from projections.key_record import CallerUse, KeyRecord
from projections.people import People

_MARGIN = len("2024-05-31T12:00:00Z") + 2


class Entry(msgspec.Struct, frozen=True):
    """One thing that happened."""

    at: int
    text: str


def told(record: KeyRecord, story: Sequence[Recorded], people: People) -> str:
    """The history as text, oldest first."""
    entries = [*_events(story, people), *map(_use, record.uses)]
    # Of one moment the events come first: a key is created before it is used.
    entries.sort(key=lambda entry: entry.at)
    width = console.width()
    lines = [
        wrapped(entry.text, width, indent=moment(entry.at).ljust(_MARGIN), hanging=" " * _MARGIN)
        for entry in entries
    ]
    heading = f"{printable(record.name)}  {format_id(record.id)}"
    return "\n".join([heading, "", *lines]) + "\n"


def _events(story: Sequence[Recorded], people: People) -> Iterator[Entry]:
    """An entry for each event, and one for each run of denials of one kind."""
    for group, run in groupby(story, key=_group):
        events = [recorded.event for recorded in run]
        if group is None:
            yield from (Entry(event.occurred_at, describe(event, people)) for event in events)
        else:
            yield _denials([event for event in events if isinstance(event, KeyUseDenied)])


def _group(recorded: Recorded) -> tuple[str, str, str | None] | None:
    event = recorded.event
    return (event.reason, event.service, event.caller) if isinstance(event, KeyUseDenied) else None


def _denials(events: Sequence[KeyUseDenied]) -> Entry:
    first = events[0]
    count = sum(event.count for event in events)
    last_at = max(event.last_at or event.occurred_at for event in events)
    until = "" if last_at == first.occurred_at else f", until {moment(last_at)}"
    times = "" if count == 1 else f" {counted(count, 'time')}"
    return Entry(
        first.occurred_at,
        f"refused{times}, being {first.reason}: {_caller(first.service, first.caller)}{until}",
    )


def _use(use: CallerUse) -> Entry:
    errors = f", {counted(use.error_count, 'error')}" if use.error_count else ""
    until = "" if moment(use.last_at) == moment(use.first_at) else f" until {moment(use.last_at)}"
    uses = "" if use.count == 1 and not errors else f": {counted(use.count, 'use')}{errors}"
    return Entry(use.first_at, f"used by {_caller(use.service, use.caller)}{uses}{until}")


def _caller(service: str, caller: str | None) -> str:
    return f"{caller or 'an unknown caller'} ({service})"
