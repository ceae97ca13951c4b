"""The recorder passes the test cases that eventsourcing ships for recorders."""

import threading
from collections.abc import Sequence
from unittest import TestCase

from eventsourcing.persistence import StoredEvent, Tracking
from eventsourcing.tests.persistence import (
    AggregateRecorderTestCase,
    ApplicationRecorderTestCase,
    NonInterleavingNotificationIDsBaseCase,
    ProcessRecorderTestCase,
    TrackingRecorderTestCase,
)

from ledger.database import open_database
from ledger.event_store import EventRecorder
from ledger.schema import create_schema
from tests.place import Place


def await_readers() -> None:
    """Some of the cases tell their threads to end and leave them at it."""
    for thread in threading.enumerate():
        if thread is not threading.current_thread():
            thread.join(5)


class OnSqlite(TestCase):
    """A fresh recorder for each test."""

    kind = "sqlite"
    recorder_class: type[EventRecorder] = EventRecorder

    def setUp(self) -> None:
        self.address = self.enterContext(Place(self.kind).ledger())

    def create_recorder(self) -> EventRecorder:
        database = open_database(self.address, create=True)
        self.addCleanup(database.close)
        self.addCleanup(await_readers)
        create_schema(database)
        return self.recorder_class(database)


class WithoutPositions(EventRecorder):
    """The case for plain aggregate recorders wants no positions back, where ours always tells them."""

    def insert_events(  # type: ignore[override]
        self, stored_events: Sequence[StoredEvent], tracking: Tracking | None = None, **_kwargs: object
    ) -> None:
        super().insert_events(stored_events, tracking)


class TestAggregateRecorder(OnSqlite, AggregateRecorderTestCase):
    recorder_class: type[EventRecorder] = WithoutPositions


class TestApplicationRecorder(OnSqlite, ApplicationRecorderTestCase):
    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()


class TestTrackingRecorder(OnSqlite, TrackingRecorderTestCase):
    pass


class TestProcessRecorder(OnSqlite, ProcessRecorderTestCase):
    pass


class TestNonInterleaving(OnSqlite, NonInterleavingNotificationIDsBaseCase):
    pass


class TestAggregateRecorderOnPostgresql(TestAggregateRecorder):
    kind = "postgresql"


class TestApplicationRecorderOnPostgresql(TestApplicationRecorder):
    kind = "postgresql"


class TestTrackingRecorderOnPostgresql(TestTrackingRecorder):
    kind = "postgresql"


class TestProcessRecorderOnPostgresql(TestProcessRecorder):
    kind = "postgresql"


class TestNonInterleavingOnPostgresql(TestNonInterleaving):
    kind = "postgresql"
