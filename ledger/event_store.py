"""The event store: eventsourcing's recorder over one table, with promises about what an append means."""

from collections.abc import Callable, Iterator, Sequence
from threading import Event as Flag
from typing import Any
from uuid import UUID

from eventsourcing.persistence import (
    ApplicationRecorder,
    IntegrityError,
    Notification,
    ProcessRecorder,
    StoredEvent,
    Subscription,
    Tracking,
)
from sqlalchemy import Connection, Row, exc, func, select
from sqlalchemy.dialects.sqlite import insert

from ledger.database import Database
from ledger.schema import events, tracking

POLL_INTERVAL_S = 0.05
SUBSCRIPTION_BATCH = 500

# originator_id, originator_version, topic, state
EventRow = tuple[bytes, int, str, bytes]

_INSERT = (
    "INSERT INTO events (position, originator_id, originator_version, topic, state) VALUES (?, ?, ?, ?, ?)"
)


class EventRecorder(ProcessRecorder):
    """Appends and reads rows of events.

    - An append that has returned is on disk, whole; one that has not returned is there whole or not at all.
    - Positions are gapless and in commit order: they are assigned under the append lock, which is held until
      the commit, so whoever has seen position N has seen all below it, for ever.
    - A place in a stream is taken once: the second append to it raises IntegrityError and stores nothing.
    """

    def __init__(self, database: Database) -> None:
        self.database = database

    def append(self, connection: Connection, rows: Sequence[EventRow]) -> int:
        """Append rows within a write transaction; returns the position of the last one.

        Raises sqlalchemy.exc.IntegrityError where a place is taken; the transaction must then be rolled back.
        """
        last = max_position(connection)
        numbered = [(position, *row) for position, row in enumerate(rows, last + 1)]
        if numbered:
            connection.exec_driver_sql(_INSERT, numbered)
        return last + len(numbered)

    def insert_events(
        self,
        stored_events: Sequence[StoredEvent],
        tracking: Tracking | None = None,
        also: Callable[[Connection], object] | None = None,
        **_kwargs: object,
    ) -> Sequence[int]:
        """Append events, a tracking record and whatever `also` writes, in one transaction."""
        rows = [(_id_bytes(e.originator_id), e.originator_version, e.topic, e.state) for e in stored_events]
        try:
            with self.database.write() as connection:
                last = self.append(connection, rows)
                if tracking is not None:
                    track(connection, tracking)
                if also is not None:
                    also(connection)
        except exc.IntegrityError as error:
            raise IntegrityError(str(error.orig)) from error
        return list(range(last - len(rows) + 1, last + 1))

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        """The events of one stream, by version."""
        version = events.c.originator_version
        query = select(events).where(events.c.originator_id == _id_bytes(originator_id)).limit(limit)
        query = query.order_by(version.desc() if desc else version)
        if gt is not None:
            query = query.where(version > gt)
        if lte is not None:
            query = query.where(version <= lte)
        with self.database.read() as connection:
            return [
                StoredEvent(UUID(bytes=row.originator_id), row.originator_version, row.topic, row.state)
                for row in connection.execute(query)
            ]

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        """Events by position."""
        position = events.c.position
        query = select(events).order_by(position).limit(limit)
        if start is not None:
            query = query.where(position >= start if inclusive_of_start else position > start)
        if stop is not None:
            query = query.where(position <= stop)
        if topics:
            query = query.where(events.c.topic.in_(topics))
        with self.database.read() as connection:
            return [_notification(row) for row in connection.execute(query)]

    def max_notification_id(self) -> int | None:
        """The position of the last event, or None in an empty ledger."""
        with self.database.read() as connection:
            return max_position(connection) or None

    def insert_tracking(self, tracking: Tracking) -> None:
        """Move an application's position forward; IntegrityError where it is there already."""
        with self.database.write() as connection:
            track(connection, tracking)

    def max_tracking_id(self, application_name: str) -> int | None:
        """How far an application has come, or None."""
        with self.database.read() as connection:
            return tracked(connection, application_name)

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> "PollingSubscription":
        """Follow the ledger from a position on, waiting for new events at its end."""
        return PollingSubscription(self, gt, topics)


class PollingSubscription(Subscription[ApplicationRecorder]):
    """Yields events as they are appended; at the end watches SQLite's data_version, which reads no table."""

    def __init__(self, recorder: EventRecorder, gt: int | None, topics: Sequence[str]) -> None:
        super().__init__(recorder, gt, topics)
        self._stopped = Flag()
        self._batch: Iterator[Notification] = iter(())
        # The driver's own connection: SQLAlchemy would begin a transaction and so pin what this one sees.
        self._connection = recorder.database.engine.raw_connection()

    def stop(self) -> None:
        """End the iteration, from any thread."""
        super().stop()
        self._stopped.set()

    def __exit__(self, *args: object, **kwargs: object) -> None:
        super().__exit__(*args, **kwargs)
        self._connection.close()

    def __next__(self) -> Notification:
        while not self._stopped.is_set():
            for notification in self._batch:
                self._last_notification_id = notification.id
                return notification
            seen = self._data_version()
            found = self._recorder.select_notifications(
                self._last_notification_id, SUBSCRIPTION_BATCH, topics=self._topics, inclusive_of_start=False
            )
            self._batch = iter(found)
            if not found:
                self._wait(seen)
        raise StopIteration

    def _wait(self, seen: int) -> None:
        while self._data_version() == seen and not self._stopped.wait(POLL_INTERVAL_S):
            pass

    def _data_version(self) -> int:
        return int(self._connection.cursor().execute("PRAGMA data_version").fetchone()[0])


def max_position(connection: Connection) -> int:
    """The position of the last event, 0 in an empty ledger."""
    return int(connection.execute(select(func.max(events.c.position))).scalar() or 0)


def tracked(connection: Connection, application_name: str) -> int | None:
    """How far an application has come, or None."""
    query = select(tracking.c.notification_id).where(tracking.c.application_name == application_name)
    position: int | None = connection.execute(query).scalar()
    return position


def track(connection: Connection, record: Tracking) -> None:
    """Move an application's position forward in a transaction; IntegrityError where it is there already."""
    upsert = insert(tracking).values(
        application_name=record.application_name, notification_id=record.notification_id
    )
    upsert = upsert.on_conflict_do_update(
        index_elements=["application_name"],
        set_={"notification_id": upsert.excluded.notification_id},
        where=tracking.c.notification_id < upsert.excluded.notification_id,
    )
    if connection.execute(upsert).rowcount == 0:
        raise IntegrityError(f"{record.application_name} has come to {record.notification_id} already")


def _notification(row: Row[Any]) -> Notification:
    return Notification(
        originator_id=UUID(bytes=row.originator_id),
        originator_version=row.originator_version,
        topic=row.topic,
        state=row.state,
        id=row.position,
    )


def _id_bytes(originator_id: UUID | str) -> bytes:
    return originator_id.bytes if isinstance(originator_id, UUID) else UUID(originator_id).bytes
