from collections.abc import Sequence
from contextlib import closing, suppress
from multiprocessing import get_context

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import Conflict, Refused
from ledger.intake import Item
from ledger.key_terms import KeyChanges
from ledger.secret import Secret
from ledger.usage import Use
from ledger.verdict import Presented
from projections import catch_up as module
from projections.catch_up import catch_up, status
from projections.difference import differences
from projections.rebuild import rebuild
from projections.tables import TABLES
from tests.office import DAY, HOUR, Office, shown
from tests.place import Place, plain, tables
from tests.projections.histories import outside_items, uses

DEEDS = ("create", "use", "check", "rename", "disable", "enable", "rotate", "revoke", "wait", "read")


def dump(office: Office) -> dict[str, list[tuple[object, ...]]]:
    return tables(office.address, [table.name for table in TABLES.metadata.sorted_tables])


def do(office: Office, deed: str, draw: st.DataObject, secrets: list[tuple[bytes, Secret]]) -> None:
    """One thing that somebody does, whether the ledger allows it or not."""
    org, ada, ledger = office.org, office.ada, office.ledger
    office.now += draw.draw(st.integers(0, 3)) * HOUR
    if deed == "create" or not secrets:
        key = office.key("key-of-" + deed)
        secrets.append((key.id, key.secret))
        return
    key_id, secret = draw.draw(st.sampled_from(secrets))
    credential = ledger.find_key(org, key_id.hex())
    match deed:
        case "use":
            office.record(draw.draw(st.lists(uses(st.just(key_id)), max_size=6)))
        case "check":
            ledger.check(secret, Presented("api", draw.draw(st.sampled_from([None, "worker"]))))
        case "rename":
            ledger.change_key(org, ada, credential, KeyChanges(name="other", owner="team-payments"))
        case "disable":
            ledger.disable_key(org, ada, credential)
        case "enable":
            ledger.enable_key(org, ada, credential)
        case "rotate":
            rotated = ledger.rotate_key(org, ada, credential)
            secrets.append((rotated.successor.id, rotated.successor.secret))
        case "revoke":
            ledger.revoke_key(org, ada, credential)
        case "wait":
            office.now += 3 * DAY
            ledger.settle()
        case _:
            catch_up(office.database)


@settings(max_examples=20)
@given(data=st.data(), items=outside_items())
def test_a_rebuild_gives_the_rows_of_incremental_catch_up(
    place: Place, data: st.DataObject, items: list[Item]
) -> None:
    with place.ledger() as address, closing(Office(address)) as office:
        secrets: list[tuple[bytes, Secret]] = []
        third = len(items) // 3
        for start in range(0, len(items), third or 1):
            office.record(items[start : start + (third or 1)])
            for deed in data.draw(st.lists(st.sampled_from(DEEDS), max_size=6)):
                try:
                    do(office, deed, data, secrets)
                except Refused:
                    continue
        catch_up(office.database)
        incremental = dump(office)

        rebuild(office.database)

        assert dump(office) == incremental
        assert differences(office.database) == []


@settings(max_examples=20)
@given(data=st.data(), items=outside_items())
def test_outside_records_in_any_order_and_grouping_end_in_the_same_state(
    place: Place, data: st.DataObject, items: list[Item]
) -> None:
    # Of two uses with one given id and moment but other content the first is kept: no given ids here.
    told = [msgspec.structs.replace(item, given_id=None) if isinstance(item, Use) else item for item in items]
    shuffled = data.draw(st.permutations(told))

    assert outcome(place, told, 50) == outcome(place, shuffled, 7)


def outcome(place: Place, items: Sequence[Item], grouping: int) -> list[object]:
    """What readers know in the end, without the positions, which tell the order of arrival."""
    with place.ledger() as address, closing(Office(address)) as office:
        for start in range(0, len(items), grouping):
            office.record(items[start : start + grouping])
        records = list(office.records().values())
        return sorted((shown(record) for record in records), key=repr)


def test_catching_up_twice_changes_nothing(office: Office) -> None:
    key = office.key()
    office.use(key, office.now, count=3)
    catch_up(office.database)
    before = dump(office)

    catch_up(office.database)

    assert dump(office) == before


def test_status_tells_how_far_the_rows_are_behind(office: Office) -> None:
    assert status(office.database).behind == 2

    catch_up(office.database)
    office.key()

    assert (status(office.database).position, status(office.database).behind) == (2, 1)


def test_a_changed_row_is_found_by_the_check_and_mended_by_a_rebuild(office: Office) -> None:
    key = office.key()
    office.use(key, office.now)
    catch_up(office.database)
    with plain(office.address) as connection:
        connection.execute("UPDATE key_usage SET use_count = 99")

    assert differences(office.database) == ["key_usage: 1 rows are wrong and 1 are missing"]

    rebuild(office.database)
    assert differences(office.database) == []


def test_rows_of_another_version_are_made_anew(office: Office) -> None:
    key = office.key()
    catch_up(office.database)
    with plain(office.address) as connection:
        connection.execute("UPDATE read_model SET version = 0")
        connection.execute("ALTER TABLE keys DROP COLUMN masked")

    assert office.records()[key.id].masked == key.secret.masked


def test_an_interrupted_rebuild_starts_clean_the_next_time(office: Office) -> None:
    office.use(office.key(), office.now)

    def interrupt(_position: int, _goal: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rebuild(office.database, interrupt)
    rebuild(office.database)

    assert differences(office.database) == []


def catch_up_elsewhere(path: str) -> None:
    from ledger.database import open_database  # noqa: PLC0415 - in the new process

    database = open_database(path)
    for _ in range(20):
        catch_up(database)
    database.close()


def test_several_processes_catching_up_apply_each_event_once(office: Office) -> None:
    key = office.key()
    context = get_context("spawn")
    workers = [context.Process(target=catch_up_elsewhere, args=(office.address,)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for n in range(60):
        office.use(key, office.now - n * HOUR, count=2)
    for worker in workers:
        worker.join(60)

    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert office.records()[key.id].use_count == 120
    assert differences(office.database) == []


def test_catching_up_ends_although_writers_never_pause(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = office.key()
    monkeypatch.setattr(module, "BATCH_SIZE", 1)
    heard: list[tuple[int, int]] = []

    def write_on(position: int, goal: int) -> None:
        heard.append((position, goal))
        assert len(heard) < 20
        office.use(key, office.now)

    assert catch_up(office.database, write_on) == 3
    assert heard == [(1, 3), (2, 3), (3, 3)]


def test_of_two_rebuilds_at_once_the_newer_goes_on_and_the_older_says_so(office: Office) -> None:
    office.use(office.key(), office.now)
    swapped: list[int] = []

    def rebuild_too(_position: int, _goal: int) -> None:
        swapped.append(rebuild(office.database))

    with pytest.raises(Conflict, match="another rebuild has begun"):
        rebuild(office.database, rebuild_too)

    assert swapped == [4]
    assert differences(office.database) == []


def rebuild_elsewhere(path: str) -> None:
    from ledger.database import open_database  # noqa: PLC0415 - in the new process

    database = open_database(path)
    for _ in range(10):
        with suppress(Conflict):
            rebuild(database)
        catch_up(database)
    database.close()


def test_several_processes_rebuilding_while_events_arrive_lose_none(office: Office) -> None:
    key = office.key()
    context = get_context("spawn")
    workers = [context.Process(target=rebuild_elsewhere, args=(office.address,)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for n in range(60):
        office.use(key, office.now - n * HOUR, count=2)
    for worker in workers:
        worker.join(60)

    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert office.records()[key.id].use_count == 120
    assert differences(office.database) == []
