"""What every database under a ledger must bring: its locks, its bulk append, its words for errors."""

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from enum import IntEnum
from types import TracebackType
from typing import Any, Protocol, Self, TypeAlias

from sqlalchemy import Connection, Engine

# originator_id, originator_version, topic, state
EventRow: TypeAlias = tuple[bytes, int, str, bytes]

OnWait: TypeAlias = Callable[[], object]

LOCK_TIMEOUT_S = 30
POOL_SIZE = 20


class Lock(IntEnum):
    """What a writer holds until its transaction ends. SQLite has one lock, which stands for all of them."""

    SCHEMA = 1
    APPEND = 2
    PROJECT = 3


class Watch(Protocol):
    """Waits for new events on a connection of its own."""

    def wait(self, timeout_s: float) -> bool:
        """Whether there may be new events; False when the time is over without any."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...


class Dialect(Protocol):
    """One kind of database."""

    name: str
    guards: tuple[str, ...]
    driver_errors: tuple[type[Exception], ...]

    def connect(self, engine: Engine) -> Connection:
        """A connection whose transaction sees one state of the database."""

    def transaction(self, engine: Engine, lock: Lock) -> AbstractContextManager[Connection]:
        """A transaction that takes a lock at its beginning, and has committed when it is left well."""

    def append(self, connection: Connection, first: int, rows: Sequence[EventRow], on_wait: OnWait) -> None:
        """Insert rows, numbered from `first`; calls `on_wait` before it waits for that.

        Raises eventsourcing's IntegrityError where a place in a stream is taken; that ends the transaction.
        """

    def pack(self, rows: Sequence[EventRow]) -> Any:  # noqa: ANN401 - each database has its own form
        """Rows of one kind in the form that `append_alone` takes."""

    def append_alone(self, engine: Engine, batch: Any, on_wait: OnWait) -> None:  # noqa: ANN401 - as above
        """Insert packed rows at the end, all or none, in a transaction of their own.

        Raises eventsourcing's IntegrityError where a place in a stream is taken.
        """

    def append_free(self, engine: Engine, rows: Sequence[EventRow], on_wait: OnWait) -> Collection[bytes]:
        """The same for the rows whose places are free, no two of one stream; returns their streams."""

    def standing(self, connection: Connection, stream_ids: Sequence[bytes]) -> Sequence[Sequence[Any]]:
        """Stream id, topic and state of what stands in those of the streams that are taken."""

    def confirm(self, connection: Connection) -> None:
        """Let this transaction's commit mean that all commits before it are as durable as it."""

    def touch(self, connection: Connection, now: int) -> bytes:
        """Let this transaction's commit go to the disk though it changes nothing.

        Returns a stream among the counted denials that is nobody's, so that counting on it tells nothing.
        """

    def mark(self, connection: Connection, now: int) -> object:
        """Leave with this write what tells it again if its answer is lost; None where no answer ever is."""

    def was_committed(self, connection: Connection, mark: object) -> bool:
        """Whether an earlier write that was marked so took effect."""

    def select_each(self, connection: Connection, query: str, values: Sequence[object]) -> Sequence[Any]:
        """The rows of a query that has `= ?` once, for each of some values."""

    def look_up(self, engine: Engine, query: str, values: Sequence[object]) -> Sequence[Any]:
        """The same outside of any transaction, as of the latest commit."""

    def close(self) -> None:
        """Give back what was kept."""

    def watch(self, engine: Engine) -> Watch:
        """Wait for what others append."""

    def is_lost(self, error: BaseException) -> bool:
        """Whether an error means that the connection is gone, and with it the answer to a commit."""

    def is_damaged(self, error: BaseException) -> bool:
        """Whether an error means that what is stored is not what was written."""

    def remedy(self, error: BaseException) -> str:
        """What an error means and what to do, in one line."""
