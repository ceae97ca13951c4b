import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from ledger import use_scan
from ledger.database import in_memory
from ledger.errors import LedgerCorrupt, LedgerUnavailable
from ledger.intake import Item
from ledger.usage import Use
from projections import catch_up as catching_up
from projections import filling, tallies, use_counts, use_crew, use_task
from projections import rebuild as swapping
from projections.catch_up import catch_up, status
from projections.difference import differences
from projections.rebuild import rebuild
from projections.source import source_of
from projections.stretch import add_uses
from projections.tables import TABLES
from projections.tallies import Piece
from projections.use_counts import USE_TABLES
from projections.use_crew import tasks_of
from projections.use_task import Task, answers
from projections.view import open_view
from tests.office import DAY, HOUR, START, Office
from tests.place import Place, plain, unguarded
from tests.projections.histories import OUTSIDE, uses
from tests.projections.test_catch_up import dump


@pytest.fixture
def in_parallel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let processes of their own count even a few uses."""
    monkeypatch.setattr(filling, "PARALLEL_FROM", 1)
    monkeypatch.setattr(filling, "WORKERS", 3)


def busy(office: Office, keys: int = 12, uses: int = 300) -> None:
    """Uses of several keys, late ones and coalesced ones among them."""
    made = [office.key(f"key-{n}") for n in range(keys)]
    office.record(
        [
            Use(
                key=made[n % keys].id,
                service=f"service-{n % 3}",
                occurred_at=START - 2 * DAY - (n * 37 % 101) * HOUR,
                caller=None if n % 4 == 0 else f"caller-{n % 5}",
                source_ip=None if n % 7 == 0 else f"192.0.2.{n % 9}",
                count=1 + n % 3,
                error_count=n % 2,
                last_at=START - DAY - (n * 37 % 101) * HOUR if n % 10 == 0 else None,
            )
            for n in range(uses)
        ]
    )


@pytest.mark.usefixtures("in_parallel")
def test_several_processes_give_the_rows_of_one(office: Office) -> None:
    busy(office)
    catch_up(office.database)
    incremental = dump(office)

    assert rebuild(office.database) == 314

    assert dump(office) == incremental
    assert differences(office.database) == []


def damage(office: Office) -> None:
    """Spoil a use, as nobody could who comes by way of our code."""
    with unguarded(office.address) as connection:
        connection.execute("UPDATE events SET state = substr(state, 1, 60) WHERE position = 200")


@pytest.mark.usefixtures("in_parallel")
def test_a_use_that_several_processes_miss_stops_a_rebuild_and_leaves_the_rows(office: Office) -> None:
    busy(office)
    catch_up(office.database)
    before = dump(office)
    with unguarded(office.address) as connection:
        connection.execute("DELETE FROM events WHERE position = 200")

    with pytest.raises(LedgerCorrupt, match="1 of the events at positions 1 to 314 cannot be read"):
        rebuild(office.database)

    assert dump(office) == before


def counted(office: Office, parts: int, names: Sequence[str]) -> dict[str, list[tuple[object, ...]]]:
    """The rows of some use tables, counted by so many in turn, each of whom hands out what comes together."""
    memory = in_memory()
    with memory.write() as connection:
        TABLES.create(connection)
        end = status(office.database).ledger_position
        for task in tasks_of(Task(source_of(office.database), end, list(names)), parts):
            add_uses(connection, TABLES, [each for each in answers(task) if isinstance(each, Piece)])
        return {
            name: sorted(map(tuple, connection.execute(select(TABLES.metadata.tables[name]))))
            for name in names
        }


@settings(max_examples=25)
@given(
    st.lists(uses(st.sampled_from(OUTSIDE)), max_size=40),
    st.integers(1, 4),
    st.integers(1, 5),
    st.sampled_from([USE_TABLES, *((table,) for table in USE_TABLES)]),
)
def test_rows_are_the_same_however_the_work_is_shared_and_handed_out(
    place: Place, items: list[Item], parts: int, held: int, names: Sequence[str]
) -> None:
    with (
        place.ledger() as address,
        closing(Office(address)) as office,
        pytest.MonkeyPatch.context() as patch,
    ):
        office.record(items)
        at_once = counted(office, 1, names)

        patch.setattr(use_counts, "TOTALS_HELD", held)
        patch.setattr(use_counts, "TAILS_HELD", held)
        patch.setattr(use_counts, "DAY_ROWS_HELD", held)
        patch.setattr(use_task, "REACHED_EVERY", held)
        patch.setattr(use_scan, "BATCH_SIZE", held)
        patch.setattr(use_scan, "READING_SIZE", 4 * held)
        patch.setattr(use_scan, "ANSWER_SIZE", 2 * held)
        patch.setattr(tallies, "PIECE_ROWS", held)

        assert counted(office, parts, names) == at_once


@settings(max_examples=25)
@given(st.lists(uses(st.sampled_from(OUTSIDE)), max_size=40), st.integers(1, 4))
def test_rows_are_the_same_whether_uses_are_taken_apart_by_bytes_or_decoded_each(
    place: Place, items: list[Item], held: int
) -> None:
    with (
        place.ledger() as address,
        closing(Office(address)) as office,
        pytest.MonkeyPatch.context() as patch,
    ):
        office.record(items)
        patch.setattr(use_scan, "BATCH_SIZE", held)
        patch.setattr(use_counts, "TAILS_HELD", held)
        by_bytes = counted(office, 1, USE_TABLES)

        patch.setattr(use_counts, "plain_uses", lambda _states, _known: None)

        assert counted(office, 1, USE_TABLES) == by_bytes


@pytest.mark.parametrize("table", USE_TABLES)
@pytest.mark.usefixtures("in_parallel")
def test_one_table_can_be_mended_alone(office: Office, table: str) -> None:
    busy(office)
    catch_up(office.database)
    with plain(office.address) as connection:
        connection.execute(f"UPDATE {table} SET use_count = 99")
        connection.execute("UPDATE keys SET name = 'untouched'")
    busy(office, uses=20)

    assert rebuild(office.database, only={table}) == 346

    assert differences(office.database) == ["keys: 12 rows are wrong and 12 are missing"]


def test_an_undecodable_use_stops_a_rebuild_and_leaves_the_rows(office: Office) -> None:
    busy(office)
    catch_up(office.database)
    before = dump(office)
    damage(office)

    with pytest.raises(LedgerCorrupt, match="cannot be decoded"):
        rebuild(office.database)

    assert dump(office) == before


@pytest.mark.usefixtures("in_parallel")
def test_what_stops_one_of_several_processes_is_told(office: Office) -> None:
    busy(office)
    damage(office)

    with pytest.raises(LedgerCorrupt, match="cannot be decoded"):
        rebuild(office.database)


@pytest.mark.usefixtures("in_parallel")
def test_a_process_that_ends_unasked_is_told_and_the_rows_stay(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy(office)
    catch_up(office.database)
    before = dump(office)
    monkeypatch.setattr(use_crew, "COMMAND", (sys.executable, "-c", ""))

    with pytest.raises(LedgerUnavailable, match="ended from outside"):
        rebuild(office.database)

    assert dump(office) == before


def test_counting_processes_load_neither_sqlalchemy_nor_the_command_line() -> None:
    program = "import sys, projections.use_worker; print(*sys.modules)"

    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout

    assert not {"sqlalchemy", "eventsourcing", "typer"} & set(loaded.split())


REBUILDING = """
import sys
from ledger.database import open_database
from projections import filling
from projections.rebuild import rebuild

filling.PARALLEL_FROM, filling.WORKERS = 1, 2
database = open_database(sys.argv[1])
while True:
    print("again", flush=True)
    rebuild(database)
"""


@pytest.mark.parametrize("after_s", [0.05, 0.2, 0.3, 0.4])
def test_a_rebuild_that_is_killed_leaves_the_rows_and_the_next_starts_clean(
    office: Office, after_s: float
) -> None:
    busy(office)
    catch_up(office.database)
    before = dump(office)
    with subprocess.Popen([sys.executable, "-c", REBUILDING, office.address], stdout=subprocess.PIPE) as one:
        assert one.stdout is not None
        one.stdout.readline()
        time.sleep(after_s)
        one.kill()

    assert dump(office) == before
    assert rebuild(office.database) == 314
    assert dump(office) == before


def test_much_to_catch_up_with_is_built_anew(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catching_up, "FAR_BEHIND", 100)
    busy(office)
    heard: list[tuple[int, int]] = []

    assert catch_up(office.database, lambda *reached: heard.append(reached)) == 314

    assert heard[-1] == (314, 314)
    assert differences(office.database) == []


def test_what_arrives_during_a_rebuild_is_in_its_rows(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(swapping, "SWAP_SIZE", 5)
    monkeypatch.setattr(swapping, "BATCH_SIZE", 7)
    busy(office)

    def more(_position: int, _goal: int) -> None:
        busy(office, keys=1, uses=30)

    assert rebuild(office.database, more) > 314
    assert status(office.database).behind == 0
    assert differences(office.database) == []


def test_a_reader_goes_on_with_the_rows_that_it_began_with_when_tables_are_swapped(office: Office) -> None:
    busy(office)
    catch_up(office.database)

    with ThreadPoolExecutor() as pool, open_view(office.database, office.id) as view:
        rebuilding = pool.submit(rebuild, office.database)
        # SQLite's has ended by then, PostgreSQL's waits for the reader.
        wait([rebuilding], timeout=2)
        counts = [record.use_count or 0 for record in view.records()]

    assert (len(counts), sum(counts)) == (12, 600)
    assert rebuilding.result() == 314
