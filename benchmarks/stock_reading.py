"""How the stock library reads uses: its recorder's pages, its mapper, its JSON."""

from collections.abc import Sequence
from pathlib import Path

from eventsourcing.sqlite import SQLiteApplicationRecorder, SQLiteDatastore

from benchmarks.stock_event import stock_mapper, stock_use
from benchmarks.subject import Subject
from ledger.usage import Use

_PAGE = 1_000


class StockReading:
    """An application's recorder and mapper on a file."""

    def __init__(self, path: Path) -> None:
        self._recorder = SQLiteApplicationRecorder(SQLiteDatastore(str(path)))
        self._recorder.create_table()
        self._mapper = stock_mapper()

    def fill(self, uses: Sequence[Use], subject: Subject) -> None:
        """Store uses."""
        self._recorder.insert_events([self._mapper.to_stored_event(stock_use(use, subject)) for use in uses])

    def read(self) -> None:
        """Read and decode all, a page at a time."""
        start = 0
        while page := self._recorder.select_notifications(start, _PAGE, inclusive_of_start=False):
            for notification in page:
                self._mapper.to_domain_event(notification)
            start = page[-1].id
