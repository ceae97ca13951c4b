import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.database import Database
from ledger.errors import WrongState
from ledger.events import (
    Authentication,
    CoverageReported,
    DenialReason,
    Event,
    KeyKind,
    KeyObserved,
    KeyState,
    KeyUsageSummarized,
    KeyUseDenied,
    MemberDetails,
    Role,
)
from ledger.ids import format_id
from ledger.intake import Item
from ledger.key_terms import CreatedKey, KeyChanges
from ledger.moments import LATEST
from ledger.observation import Coverage, Observation, UsageSummary
from ledger.usage import Use
from ledger.verdict import Presented
from projections import filling, past
from projections.as_of import clip
from projections.catch_up import catch_up
from projections.filling import Extent, Target, fill
from projections.past import project_past
from projections.view import View, open_view
from tests.office import DAY, HOUR, START, Office, shown
from tests.place import Place, plain
from tests.projections.histories import MOMENTS, OUTSIDE, outside_items

T = START
# The last microsecond of a day, and the one before it.
DAY_ENDS = st.tuples(st.integers(1, 40), st.integers(1, 2)).map(
    lambda chosen: (START // DAY - chosen[0]) * DAY - chosen[1]
)


def head(at: int) -> tuple[int, int, bytes, None, Authentication]:
    return (at, START, b"o" * 16, None, Authentication.CLAIMED)


def denied(at: int, last_at: int | None = None, count: int = 1) -> KeyUseDenied:
    return KeyUseDenied(*head(at), b"k" * 16, DenialReason.REVOKED, "s3", count=count, last_at=last_at)


def observed(at: int, state: KeyState | None, created_at: int | None = None) -> KeyObserved:
    return KeyObserved(
        *head(at), b"k" * 16, "aws", "AKIA", KeyKind.LONG_LIVED, "report", None, state, created_at
    )


def summarized(at: int, last: int | None, first: int | None = None) -> KeyUsageSummarized:
    return KeyUsageSummarized(*head(at), b"k" * 16, "report", T - 90 * DAY, at, first, last, 7)


def covered(start: int, end: int) -> CoverageReported:
    return CoverageReported(*head(end), "cloudtrail", start, end)


CASES: dict[str, tuple[Event, Event | None]] = {
    "a refusal at the very moment counts": (denied(T), denied(T)),
    "a later refusal does not": (denied(T + 1), None),
    "coalesced refusals that go on count as the first": (denied(T - 5, T + 5, 9), denied(T - 5)),
    "coalesced refusals that are over count in full": (denied(T - 5, T, 9), denied(T - 5, T, 9)),
    "a state observed later is not known yet": (
        observed(T + 9, KeyState.REVOKED, T - 9),
        observed(T - 9, None, T - 9),
    ),
    "of a key that was created later only the name is kept": (
        observed(T + 9, KeyState.ACTIVE, T + 1),
        observed(LATEST, None),
    ),
    "an observation without a creation says nothing of before": (
        observed(T + 9, KeyState.ACTIVE),
        observed(LATEST, None),
    ),
    "a last use that a later report names counts": (
        summarized(T + 9, T - 9),
        KeyUsageSummarized(*head(T), b"k" * 16, "report", T - 90 * DAY, T, None, T - 9, 7),
    ),
    "that a later report tells of no use does not show that the key was there": (
        summarized(T + 9, None),
        KeyUsageSummarized(*head(LATEST), b"k" * 16, "report", T - 90 * DAY, T, None, None, 7),
    ),
    "a last use after the moment hides what was before it": (summarized(T + 9, T + 1), None),
    "a first use before it was a use all the same": (
        summarized(T + 9, T + 1, T - 9),
        KeyUsageSummarized(*head(T), b"k" * 16, "report", T - 9, T - 9, T - 9, T - 9, None),
    ),
    "coverage ends at the moment": (covered(T - 9, T + 9), covered(T - 9, T)),
    "coverage that begins later is none": (covered(T + 1, T + 9), None),
}


@pytest.mark.parametrize(("event", "expected"), CASES.values(), ids=CASES)
def test_an_event_is_clipped_to_what_had_happened(event: Event, expected: Event | None) -> None:
    clipped = clip(event, T)

    if isinstance(expected, CoverageReported) and isinstance(clipped, CoverageReported):
        assert clipped.occurred_at <= T
    assert clipped == expected


def said_by(item: Item, at: int) -> Item | None:
    """What of an item had happened by a moment, as a ledger of that time could hold it; None for nothing.

    Of uses that were told together and went on, the first.
    """
    match item:
        case Use() if item.occurred_at <= at and (item.last_at or item.occurred_at) > at:
            return msgspec.structs.replace(item, count=1, error_count=0, last_at=None)
        case Use() | Observation() | UsageSummary():
            return item if item.occurred_at <= at else None
        case Coverage():
            return item if item.covers_to <= at else None
        case _:
            return None


def told_of_both_sides(item: Item, at: int) -> bool:
    """Whether an item other than a use is clipped, which the cases above show."""
    return not isinstance(item, Use) and said_by(item, at) is None


@pytest.mark.parametrize("is_known", [True, False], ids=["with the rows", "without them"])
@settings(max_examples=15)
@given(items=outside_items(), at=MOMENTS)
def test_the_past_is_what_a_ledger_of_that_time_would_show(
    place: Place, is_known: bool, items: list[Item], at: int
) -> None:
    told = [item for item in items if not told_of_both_sides(item, at)]
    with (
        place.ledger() as address_now,
        place.ledger() as address_then,
        closing(Office(address_now)) as now,
        closing(Office(address_then)) as then,
    ):
        now.record(told)
        then.record(said for item in told if (said := said_by(item, at)) is not None)
        with ExitStack() as views:
            if is_known:
                view = views.enter_context(open_view(now.database, now.id, at))
            else:
                # Nothing is projected that could tell where the uses of those days end.
                kept = project_past(now.database, at, now.ledger.recorder.max_notification_id() or 0)
                rows = views.enter_context(kept.read())
                view = View(rows, views.enter_context(now.database.read()), now.id, at)
            seen = {(r.external_id, r.account): shown(r) for r in view.records()}

        assert seen == {(r.external_id, r.account): shown(r) for r in then.records().values()}


STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["create", "rename", "own", "disable", "enable", "rotate", "revoke", "use", "check", "leave"]
        ),
        st.integers(0, 3),
        st.integers(0, 60),
    ),
    max_size=25,
)


def live(office: Office, deed: str, key: CreatedKey) -> CreatedKey | None:
    """Do one deed to a key, as far as it may be done; the key that it makes."""
    ledger, org, ada = office.ledger, office.org, office.ada
    credential = ledger.find_key(org, format_id(key.id))
    match deed:
        case "create":
            return office.key()
        case "rename":
            ledger.change_key(org, ada, credential, KeyChanges(name=f"at-{office.now}"))
        case "own":
            ledger.change_key(org, ada, credential, KeyChanges(owner="team payments"))
        case "disable":
            ledger.disable_key(org, ada, credential)
        case "enable":
            ledger.enable_key(org, ada, credential)
        case "rotate":
            return ledger.rotate_key(org, ada, credential).successor
        case "revoke":
            ledger.revoke_key(org, ada, credential)
        case "use":
            office.use(key, office.now - HOUR, count=2, last_at=office.now)
        case "check":
            ledger.check(key.secret, Presented("payments"))
        case _:
            ledger.add_member(org, ada, MemberDetails(f"{office.now}@example.com"), Role.MEMBER)
    return None


@settings(max_examples=15)
@given(steps=STEPS, at=MOMENTS | DAY_ENDS)
def test_keys_as_they_stand_and_their_events_tell_the_same_past(
    place: Place, steps: list[tuple[str, int, int]], at: int
) -> None:
    with place.ledger() as address, closing(Office(address, START - 41 * DAY)) as office:
        keys = [office.key()]
        for deed, number, hours in steps:
            office.now += hours * HOUR
            with suppress(WrongState):
                keys += filter(None, [live(office, deed, keys[number % len(keys)])])
        office.ledger.settle()
        last = office.ledger.recorder.max_notification_id() or 0

        by_events = seen_in(office, at, project_past(office.database, at, last))
        with open_view(office.database, office.id, LATEST):
            pass  # which makes the rows
        by_rows = seen_in(office, at, project_past(office.database, at, last))

    assert by_rows == by_events


def seen_in(office: Office, at: int, kept: Database) -> object:
    with kept.read() as rows, office.database.read() as ledger:
        view = View(rows, ledger, office.id, at)
        records = view.records()
        ids = [record.id for record in records]
        by_day = view.daily_use(ids, (START - 90 * DAY) // DAY, (START + 90 * DAY) // DAY)
        return records, view.members(), [view.timeline(key_id) for key_id in ids], by_day


def spread_over_days(office: Office) -> None:
    """Uses of several keys over ten days, coalesced over hours or days some of them, some of long ago."""
    keys = [office.key(f"key-{n}") for n in range(9)]
    office.now = START + 20 * DAY
    office.record(
        [
            Use(
                key=keys[n % 9].id,
                service=f"service-{n % 3}",
                # In another form of the state, in which other bytes decide which process has them.
                occurred_at=n if n % 11 == 0 else START + n * 37 % 240 * HOUR,
                given_id=str(n),
                source_ip=None if n % 7 == 0 else f"192.0.2.{n % 5}",
                count=1 + n % 3,
                error_count=n % 2,
                last_at=None if n % 5 else START + (n * 37 % 240 + 30) * HOUR,
            )
            for n in range(400)
        ]
    )


@pytest.mark.parametrize("workers", [1, 3])
def test_days_that_are_over_are_taken_over_and_all_else_is_counted(
    office: Office, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    spread_over_days(office)
    last = office.ledger.recorder.max_notification_id() or 0
    moments = [START // DAY * DAY + n * DAY + more for n in (0, 1, 5, 12) for more in (-1, 0, 7 * HOUR)]
    by_events = [seen_in(office, at, project_past(office.database, at, last)) for at in moments]
    catch_up(office.database)
    monkeypatch.setattr(filling, "PARALLEL_FROM", 1)
    monkeypatch.setattr(filling, "WORKERS", workers)
    counted_from: list[int] = []

    def filled(source: Database, target: Target, extent: Extent, *more: Any) -> None:  # noqa: ANN401
        counted_from.append(extent.first_day)
        fill(source, target, extent, *more)

    monkeypatch.setattr(past, "fill", filled)

    by_rows = [seen_in(office, at, project_past(office.database, at, last)) for at in moments]

    assert by_rows == by_events
    is_file = office.database.dialect.name == "sqlite"
    assert counted_from == [(at + 1) // DAY if is_file else 0 for at in moments]


def test_rows_that_move_on_meanwhile_are_not_taken_over(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    spread_over_days(office)
    last = catch_up(office.database)
    at = START + 5 * DAY
    expected = seen_in(office, at, project_past(office.database, at, last))
    tries: list[int] = []

    def taken_over(*_: object) -> bool:
        tries.append(at)
        return False

    monkeypatch.setattr(past, "take_over", taken_over)

    assert seen_in(office, at, project_past(office.database, at, last)) == expected
    assert tries == [at]


@pytest.mark.parametrize("name", ["file:led.db", "we?ird#%41.db", os.fsdecode(b"bad\xff.db")])
def test_a_file_of_any_name_tells_its_past(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder := tmp_path / "ledgers").mkdir()
    monkeypatch.chdir(folder)
    with closing(Office(name)) as office:
        key = office.key()
        office.now += DAY
        office.use(key, office.now)

        records = office.records(START + HOUR)

    assert records[key.id].use_count == 0
    assert [path.name for path in folder.iterdir()] == [name]


def test_rows_that_a_rebuild_swaps_in_meanwhile_are_seen_as_a_whole() -> None:
    # given a swap under way, which whoever looks back has to wait for
    with (
        Place("postgresql").ledger() as address,
        closing(Office(address)) as office,
        plain(address) as other,
        ThreadPoolExecutor() as pool,
    ):
        keys = [office.key() for _ in range(3)]
        office.use(keys[0], START)
        last = catch_up(office.database)
        other.execute("BEGIN")
        for table in ("keys", "key_timeline", "key_days"):
            other.execute(f"CREATE TABLE {table}_new (LIKE {table} INCLUDING ALL)")
            other.execute(f"INSERT INTO {table}_new SELECT * FROM {table}")
            other.execute(f"DROP TABLE {table}")
            other.execute(f"ALTER TABLE {table}_new RENAME TO {table}")

        kept = pool.submit(project_past, office.database, START + HOUR, last)
        while not other.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone()[0]:
            assert not kept.done()
            time.sleep(0.02)
        other.execute("COMMIT")

        with kept.result().read() as rows, office.database.read() as ledger:
            records = View(rows, ledger, office.id, START + HOUR).records()
    assert sorted(record.use_count or 0 for record in records) == [0, 0, 1]


def test_a_view_of_the_past_reads_no_use_beyond_the_last_of_those_days(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given uses of one day, and after them in the ledger those of later days and a late one of that day
    first, late, later = (
        [Use(key=OUTSIDE[0], service="s3", occurred_at=T + at, given_id=str(at)) for at in moments]
        for moments in (range(5), (7,), range(2 * DAY, 2 * DAY + 9))
    )
    office.now = T + 3 * DAY
    for uses in (first, later[:4], late, later[4:]):
        office.record(uses)
    asked: list[Extent] = []

    def filled(source: Database, target: Target, extent: Extent, *more: Any) -> None:  # noqa: ANN401
        asked.append(extent)
        fill(source, target, extent, *more)

    monkeypatch.setattr(past, "fill", filled)

    with open_view(office.database, office.id, T + DAY) as view:
        (record,) = view.records()

    (extent,) = asked
    assert record.use_count == 6
    assert extent.uses_until == extent.until - len(later[4:])
