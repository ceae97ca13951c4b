"""The recorder passes the test cases that eventsourcing ships for recorders."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
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


class OnSqlite(TestCase):
    """A fresh recorder for each test, on a file."""

    recorder_class: type[EventRecorder] = EventRecorder

    def setUp(self) -> None:
        self.folder = TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def create_recorder(self) -> EventRecorder:
        database = open_database(str(Path(self.folder.name) / "ledger.db"), create=True)
        self.addCleanup(database.close)
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
