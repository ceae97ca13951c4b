"""The event store: eventsourcing's recorder over one table, with promises about what an append means."""

from collections.abc import Callable, Collection, Iterator, Sequence
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
from sqlalchemy import Connection, Row, Select, exc, select

from ledger.database import ConnectionLost, Database, insert
from ledger.dialect import EventRow, Lock, OnWait
from ledger.schema import events, tracking

SUBSCRIPTION_BATCH = 500
SUBSCRIPTION_PAUSE_S = 0.2


class EventRecorder(ProcessRecorder):
    """Appends and reads rows of events.

    - An append that has returned is on disk, whole; one that has not returned is there whole or not at all.
    - Positions are gapless and in commit order: they are assigned under the append lock, which is held until
      the commit, so whoever has seen position N has seen all below it, for ever.
    - A place in a stream is taken once: the second append to it raises IntegrityError and stores nothing.
    """

    def __init__(self, database: Database) -> None:
        self.database = database

    def append(self, connection: Connection, rows: Sequence[EventRow], on_wait: OnWait = lambda: None) -> int:
        """Append rows within a write transaction; returns the position of the last one.

        Raises IntegrityError where a place is taken; the transaction must then be rolled back.
        """
        last = max_position(connection)
        if rows:
            self.database.dialect.append(connection, last + 1, rows, on_wait)
        return last + len(rows)

    def pack(self, rows: Sequence[EventRow]) -> Any:  # noqa: ANN401 - each database has its own form
        """Rows of one kind as `append_alone` takes them, which can be done while others are stored."""
        return self.database.dialect.pack(rows)

    def append_alone(self, batch: Any, on_wait: OnWait) -> None:  # noqa: ANN401 - as above
        """Append rows of one kind in a transaction of their own, which is one turn with the database.

        Raises IntegrityError where a place is taken; nothing is stored then.
        """
        with self.database.in_turn(Lock.APPEND) as engine:
            self.database.dialect.append_alone(engine, batch, on_wait)

    def append_free(self, rows: Sequence[EventRow], on_wait: OnWait) -> Collection[bytes]:
        """The same for the rows whose places are free, no two of one stream; returns their streams."""
        with self.database.in_turn(Lock.APPEND) as engine:
            return self.database.dialect.append_free(engine, rows, on_wait)

    def last_standing(self, connection: Connection, rows: Sequence[EventRow]) -> int | None:
        """The position of the last of some rows if all stand to the byte, as after a lost answer."""
        last = None
        for stream_id, version, topic, state in rows:
            of_stream = (events.c.originator_id == stream_id) & (events.c.originator_version == version)
            alike = of_stream & (events.c.topic == topic) & (events.c.state == state)
            last = connection.execute(select(events.c.position).where(alike)).scalar()
            if last is None:
                return None
        self.database.dialect.confirm(connection)
        return last

    def insert_events(
        self,
        stored_events: Sequence[StoredEvent],
        tracking: Tracking | None = None,
        also: Callable[[Connection], object] | None = None,
        **_kwargs: object,
    ) -> Sequence[int]:
        """Append events, a tracking record and whatever `also` writes, in one transaction."""
        rows = [(_id_bytes(e.originator_id), e.originator_version, e.topic, e.state) for e in stored_events]

        def store(tries: int) -> int:
            with self.database.write() as connection:
                if tries and rows and (last := self.last_standing(connection, rows)):
                    return last
                last = self.append(connection, rows)
                if tracking is not None:
                    track(connection, tracking)
                if also is not None:
                    also(connection)
                return last

        try:
            last = self.database.insist(store)
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
        return [
            StoredEvent(UUID(bytes=row.originator_id), row.originator_version, row.topic, row.state)
            for row in self._rows(query)
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
        return [_notification(row) for row in self._rows(query)]

    def _rows(self, query: Select[Any]) -> Sequence[Row[Any]]:
        def read(_tries: int) -> Sequence[Row[Any]]:
            with self.database.read() as connection:
                return connection.execute(query).all()

        return self.database.insist(read)

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

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> "LedgerSubscription":
        """Follow the ledger from a position on, waiting for new events at its end."""
        return LedgerSubscription(self, gt, topics)


class LedgerSubscription(Subscription[ApplicationRecorder]):
    """Yields events as they are appended; at the end waits until the database tells of more."""

    def __init__(self, recorder: EventRecorder, gt: int | None, topics: Sequence[str]) -> None:
        super().__init__(recorder, gt, topics)
        self._stopped = Flag()
        self._batch: Iterator[Notification] = iter(())
        # Before the first look, so that nothing is appended between the look and the wait unnoticed.
        self._database = recorder.database
        self._watch = self._database.watch()

    def stop(self) -> None:
        """End the iteration, from any thread."""
        super().stop()
        self._stopped.set()

    def __exit__(self, *args: object, **kwargs: object) -> None:
        super().__exit__(*args, **kwargs)
        self._watch.__exit__(None, None, None)

    def __next__(self) -> Notification:
        while not self._stopped.is_set():
            for notification in self._batch:
                self._last_notification_id = notification.id
                return notification
            found = self._recorder.select_notifications(
                self._last_notification_id, SUBSCRIPTION_BATCH, topics=self._topics, inclusive_of_start=False
            )
            self._batch = iter(found)
            if not found:
                self._wait()
        raise StopIteration

    def _wait(self) -> None:
        try:
            with self._database.explained():
                self._watch.wait(SUBSCRIPTION_PAUSE_S)
        except ConnectionLost:
            self._watch.__exit__(None, None, None)
            self._watch = self._database.insist(lambda _tries: self._database.watch())


def max_position(connection: Connection) -> int:
    """The position of the last event, 0 in an empty ledger."""
    # The driver's own cursor: every append asks this first, and the rest of it takes hardly longer.
    cursor = connection.connection.cursor()
    cursor.execute("SELECT coalesce(max(position), 0) FROM events")
    return int(cursor.fetchall()[0][0])


def tracked(connection: Connection, application_name: str) -> int | None:
    """How far an application has come, or None."""
    query = select(tracking.c.notification_id).where(tracking.c.application_name == application_name)
    position: int | None = connection.execute(query).scalar()
    return position


def track(connection: Connection, record: Tracking) -> None:
    """Move an application's position forward in a transaction; IntegrityError where it is there already."""
    upsert = insert(connection, tracking).values(
        application_name=record.application_name, notification_id=record.notification_id
    )
    upsert = upsert.on_conflict_do_update(
        index_elements=["application_name"],
        set_={"notification_id": upsert.excluded.notification_id},
        where=tracking.c.notification_id < upsert.excluded.notification_id,
    )
    if connection.execute(upsert.returning(tracking.c.notification_id)).first() is None:
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
