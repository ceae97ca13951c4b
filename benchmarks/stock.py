"""The stock recorders of eventsourcing and its SQLAlchemy extension, under the stock event store."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from eventsourcing.persistence import ApplicationRecorder, EventStore
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from eventsourcing.sqlite import SQLiteApplicationRecorder, SQLiteDatastore
from eventsourcing_sqlalchemy.datastore import SQLAlchemyDatastore
from eventsourcing_sqlalchemy.recorders import SQLAlchemyApplicationRecorder
from sqlalchemy.engine import make_url

from benchmarks.address import schema_of
from benchmarks.peer import Append
from benchmarks.stock_event import stock_mapper, stock_use
from benchmarks.subject import Subject
from ledger.usage import Use

_TABLE = "stored_events"


class StockPeer:
    """A stock event store over its own table."""

    def __init__(
        self, subject: Subject, recorder: ApplicationRecorder, close: Callable[[], object] = lambda: None
    ) -> None:
        self._subject = subject
        self._store = EventStore(stock_mapper(), recorder)
        self.close = close

    def ready(self, uses: Sequence[Use]) -> Append:
        """One durable transaction; the typed events are there before."""
        return partial(self._store.put, [stock_use(use, self._subject) for use in uses])


def stock_sqlite(subject: Subject, path: Path) -> StockPeer:
    """`eventsourcing.sqlite`, which commits durably by itself."""
    datastore = SQLiteDatastore(str(path))
    recorder = SQLiteApplicationRecorder(datastore)
    recorder.create_table()
    return StockPeer(subject, recorder, datastore.close)


def stock_sqlalchemy(subject: Subject, path: Path) -> StockPeer:
    """`eventsourcing_sqlalchemy` on SQLite, which commits durably by itself."""
    datastore = SQLAlchemyDatastore(url=f"sqlite:///{path}")
    recorder = SQLAlchemyApplicationRecorder(datastore, events_table_name=_TABLE)
    recorder.create_table()
    return StockPeer(subject, recorder)


def stock_postgresql(subject: Subject) -> StockPeer:
    """`eventsourcing.postgres`, whose lock on the table keeps the order."""
    given = make_url(subject.address)
    datastore = PostgresDatastore(
        dbname=given.database or "",
        host=given.host or "",
        port=given.port or "",
        user=given.username or "",
        password=given.password or "",
        schema=schema_of(subject.address),
    )
    recorder = PostgresApplicationRecorder(datastore, events_table_name=_TABLE)
    recorder.create_table()
    return StockPeer(subject, recorder, datastore.close)
