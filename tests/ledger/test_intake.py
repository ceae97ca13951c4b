import multiprocessing
from collections.abc import Iterator
from datetime import timedelta
from multiprocessing.synchronize import Barrier
from random import Random

import msgspec
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from ledger.errors import NotAllowed
from ledger.events import (
    CoverageReported,
    KeyKind,
    KeyLinked,
    KeyObserved,
    KeyState,
    KeyUsageSummarized,
    KeyUsed,
    ObservedDetails,
    Role,
)
from ledger.intake import BATCH_SIZE, Item
from ledger.moments import MICROSECOND
from ledger.observation import Coverage, ExternalKey, Observation, UsageSummary
from ledger.schema import credentials
from ledger.usage import FUTURE_TOLERANCE, MAX_COUNT, MAX_TEXT, Intake, Refusal, Use
from tests.place import Place
from tests.world import START, Clock, World

HOUR_US = timedelta(hours=1) // MICROSECOND
AWS = ExternalKey("aws", "AKIAIOSFODNN7EXAMPLE", account="123456789012")
ZOE = "arn:aws:iam::123456789012:user/zoe"
SLOT = ExternalKey("aws", f"{ZOE}/1", account="123456789012", generation="2024-01-01T00:00:00Z")
BIRTH = START - 1000 * HOUR_US


def use(key: bytes | ExternalKey, given_id: str | None = "u-1", **changes: object) -> Use:
    said = {
        "service": "payments",
        "occurred_at": START - HOUR_US,
        "reporter": "gateway",
        "where": given_id or "",
    }
    return Use(key, given_id=given_id, **(said | changes))  # type: ignore[arg-type]


class TestUses:
    def test_a_use_becomes_an_event_with_everything_that_was_told(self, world: World) -> None:
        created = world.create()
        told = use(
            created.id,
            caller="checkout",
            source_ip="192.0.2.7",
            user_agent="curl/8.5.0",
            count=12,
            error_count=3,
            last_at=START - 1,
        )

        intake, refusals = world.record([told])

        (event,) = world.told(KeyUsed)
        assert (intake, refusals) == (Intake(read=1, stored=1), [])
        assert (event.occurred_at, event.recorded_at, event.last_at) == (START - HOUR_US, START, START - 1)
        assert (event.key_id, event.service, event.caller) == (created.id, "payments", "checkout")
        assert (event.count, event.error_count, event.reporter) == (12, 3, "gateway")
        assert event.personal is not None
        assert (event.personal.source_ip, event.personal.user_agent) == ("192.0.2.7", "curl/8.5.0")
        assert event.actor_id == world.admin.id

    def test_a_repeat_is_a_duplicate_and_stored_once(self, world: World) -> None:
        created = world.create()
        world.record([use(created.id)])
        before = world.rows()
        world.clock.advance(timedelta(days=1))

        intake, refusals = world.record([use(created.id)])

        assert (intake, refusals) == (Intake(read=1, duplicates=1), [])
        assert world.rows() == before

    def test_repeats_inside_one_batch_are_stored_once(self, world: World) -> None:
        created = world.create()

        intake, _ = world.record([use(created.id), use(created.id, "u-2"), use(created.id)])

        assert intake == Intake(read=3, stored=2, duplicates=1)
        assert len(world.told(KeyUsed)) == 2

    @pytest.mark.parametrize(
        "change",
        [
            {"service": "invoices"},
            {"caller": "other"},
            {"source_ip": "192.0.2.8"},
            {"user_agent": "wget"},
            {"count": 2},
            {"error_count": 1},
            {"last_at": START},
        ],
        ids=lambda change: next(iter(change)),
    )
    def test_the_same_id_and_moment_with_other_content_is_refused_and_the_rest_kept(
        self, world: World, change: dict[str, object]
    ) -> None:
        created = world.create()
        world.record([use(created.id)])

        intake, refusals = world.record(
            [
                use(created.id, "u-0"),
                msgspec.structs.replace(use(created.id), **change),
                use(created.id, "u-2"),
            ]
        )

        assert intake == Intake(read=3, stored=2, refused=1)
        assert [refusal.where for refusal in refusals] == ["u-1"]
        assert "other content" in refusals[0].reason
        assert len(world.told(KeyUsed)) == 3

    def test_the_same_id_and_moment_of_another_key_is_refused(self, world: World) -> None:
        first, second = world.create("one"), world.create("two")

        intake, refusals = world.record([use(first.id), use(second.id)])

        assert intake == Intake(read=2, stored=1, refused=1)
        assert [event.key_id for event in world.told(KeyUsed)] == [first.id]
        assert len(refusals) == 1

    def test_within_a_batch_the_first_of_two_contradictions_is_kept(self, world: World) -> None:
        created = world.create()

        intake, _ = world.record([use(created.id), use(created.id, count=2), use(created.id)])

        assert intake == Intake(read=3, stored=1, duplicates=1, refused=1)
        assert [event.count for event in world.told(KeyUsed)] == [1]

    def test_the_same_id_at_another_moment_is_another_use(self, world: World) -> None:
        created = world.create()

        intake, _ = world.record([use(created.id), use(created.id, occurred_at=START - HOUR_US - 1)])

        assert intake == Intake(read=2, stored=2)

    def test_an_id_belongs_to_its_reporter(self, world: World) -> None:
        created = world.create()

        intake, _ = world.record(
            [use(created.id), use(created.id, reporter="proxy"), use(created.id, reporter=None)]
        )

        assert intake == Intake(read=3, stored=3)

    def test_uses_without_an_id_are_never_duplicates(self, world: World) -> None:
        created = world.create()

        intake, _ = world.record([use(created.id, None)] * 3)

        assert intake == Intake(read=3, stored=3)

    def test_an_unknown_key_is_refused_by_line_and_the_rest_kept(self, world: World) -> None:
        created = world.create()
        unknown = b"\x07" * 16

        intake, refusals = world.record(
            [use(created.id), use(unknown, "u-2", where=2), use(created.id, "u-3")]
        )

        assert intake == Intake(read=3, stored=2, refused=1)
        (refusal,) = refusals
        assert refusal.where == 2
        assert "unknown key 07070707-0707-0707-0707-070707070707" in refusal.reason
        assert "keyledger key list" in refusal.reason

    def test_a_key_of_another_organization_is_unknown(self, world: World, place: Place) -> None:
        created = world.create()
        with place.ledger() as address:
            other = World(address, seed=2)

            intake, refusals = other.record([use(created.id)])

            assert (intake.stored, len(refusals)) == (0, 1)
            other.database.close()

    def test_the_future_is_refused_beyond_a_tolerance(self, world: World) -> None:
        created = world.create()
        edge = START + FUTURE_TOLERANCE // MICROSECOND

        intake, refusals = world.record(
            [
                use(created.id, "at", occurred_at=edge),
                use(created.id, "beyond", occurred_at=edge + 1),
                use(created.id, "ends", occurred_at=START, last_at=edge + 1),
            ]
        )

        assert intake == Intake(read=3, stored=1, refused=2)
        assert [refusal.where for refusal in refusals] == ["beyond", "ends"]
        assert all("check the clock of the sender" in refusal.reason for refusal in refusals)

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ({"occurred_at": -1}, "older than 1970"),
            ({"last_at": START - HOUR_US - 1}, "earlier than occurred_at"),
            ({"count": 0}, "from 1 to"),
            ({"count": MAX_COUNT + 1}, "from 1 to"),
            ({"error_count": -1}, "from 0 to the count"),
            ({"error_count": 2}, "from 0 to the count"),
            ({"service": ""}, "service is empty"),
            ({"service": "x" * (MAX_TEXT + 1)}, "512 is the most"),
            ({"user_agent": "x" * (MAX_TEXT + 1)}, "512 is the most"),
            ({"caller": "\ud800"}, "not Unicode"),
            ({"given_id": "\ud800"}, "not Unicode"),
        ],
    )
    def test_what_cannot_have_happened_is_refused_and_the_rest_kept(
        self, world: World, change: dict[str, object], reason: str
    ) -> None:
        created = world.create()
        wrong = msgspec.structs.replace(use(created.id, where=7), **change)

        intake, refusals = world.record([use(created.id, "before"), wrong, use(created.id, "after")])

        assert intake == Intake(read=3, stored=2, refused=1)
        assert refusals[0].where == 7
        assert reason in refusals[0].reason

    @pytest.mark.parametrize(
        "field", ["service", "caller", "reporter", "source_ip", "user_agent", "given_id"]
    )
    def test_a_use_that_holds_a_secret_is_neither_stored_nor_repeated(self, world: World, field: str) -> None:
        created = world.create()
        text = created.secret.reveal()
        wrong = msgspec.structs.replace(use(created.id, where=7), **{field: f"curl/8 {text}"})

        intake, refusals = world.record([wrong, use(created.id, "after")])

        assert intake == Intake(read=2, stored=1, refused=1)
        assert "holds a secret" in refusals[0].reason
        assert text not in refusals[0].reason

    def test_what_could_not_be_read_is_counted_and_passed_on(self, world: World) -> None:
        created = world.create()
        unreadable = Refusal(3, "not JSON")

        intake, refusals = world.record([unreadable, use(created.id)])

        assert intake == Intake(read=2, stored=1, refused=1)
        assert refusals == [unreadable]

    def test_nothing_given_is_nothing_read(self, world: World) -> None:
        assert world.record([]) == (Intake(), [])

    def test_only_an_admin_records(self, world: World) -> None:
        created = world.create()
        reader = world.member("ben@example.com", Role.MEMBER)

        with pytest.raises(NotAllowed, match="record uses"):
            world.ledger.record_uses(world.org, reader, [use(created.id)])


class TestBatches:
    @pytest.mark.parametrize("count", [BATCH_SIZE - 1, BATCH_SIZE, BATCH_SIZE + 1, 2 * BATCH_SIZE + 500])
    def test_every_batch_is_on_disk_when_it_is_told_of(self, world: World, count: int) -> None:
        created = world.create()
        other = World.opened(world.address, world.clock)
        on_disk: list[tuple[int, int | None]] = []

        intake = world.ledger.record_uses(
            world.org,
            world.admin,
            (use(created.id, f"u-{number}") for number in range(count)),
            on_batch=lambda so_far, _: on_disk.append((so_far.stored, other.recorder.max_notification_id())),
        )

        assert intake == Intake(read=count, stored=count)
        ends = [*range(BATCH_SIZE, count, BATCH_SIZE), count]
        # An organization, its admin and the key stand before them.
        assert on_disk == [(end, end + 3) for end in ends]
        other.database.close()

    def test_a_repeat_in_a_later_batch_is_a_duplicate(self, world: World) -> None:
        created = world.create()
        numbers = [*range(BATCH_SIZE), 0, BATCH_SIZE - 1, BATCH_SIZE]

        intake, _ = world.record(use(created.id, f"u-{number}") for number in numbers)

        assert intake == Intake(read=BATCH_SIZE + 3, stored=BATCH_SIZE + 1, duplicates=2)

    def test_what_is_new_among_repeats_is_appended_in_its_order_and_without_a_gap(self, world: World) -> None:
        created = world.create()
        world.record(use(created.id, f"u-{number}") for number in range(0, 40, 2))

        intake, _ = world.record(use(created.id, f"u-{number}", count=number + 1) for number in range(40))

        assert intake == Intake(read=40, stored=20, duplicates=1, refused=19)
        assert [event.count for event in world.told(KeyUsed)[20:]] == list(range(2, 41, 2))
        assert [row.position for row in world.rows()] == list(range(1, len(world.rows()) + 1))

    def test_a_batch_of_repeats_alone_stores_nothing_and_logs_nothing(
        self, world: World, caplog: pytest.LogCaptureFixture
    ) -> None:
        created = world.create()
        repeated = [use(created.id, f"u-{number}") for number in range(20)]
        world.record(repeated)
        before = world.rows()

        for _ in range(5):
            intake, _ = world.record(repeated)
            assert intake == Intake(read=20, duplicates=20)

        assert world.rows() == before
        assert caplog.records == []

    def test_an_interrupted_intake_keeps_whole_batches_and_is_resumed_by_repeating_it(
        self, world: World
    ) -> None:
        created = world.create()

        def interrupted() -> Iterator[Item]:
            for number in range(BATCH_SIZE + 10):
                yield use(created.id, f"u-{number}")
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            world.record(interrupted())
        assert len(world.told(KeyUsed)) == BATCH_SIZE

        intake, _ = world.record(use(created.id, f"u-{number}") for number in range(BATCH_SIZE + 10))

        assert intake == Intake(read=BATCH_SIZE + 10, stored=10, duplicates=BATCH_SIZE)


class TestOutsideKeys:
    def test_a_key_is_registered_with_its_first_use_and_once(self, world: World) -> None:
        first, _ = world.record([use(AWS), use(AWS, "u-2")])
        second, _ = world.record([use(AWS, "u-3")])

        assert (first.keys_registered, second.keys_registered) == (1, 0)
        (seen,) = world.told(KeyObserved)
        assert (seen.external_id, seen.source, seen.reporter) == (AWS.external_id, "aws", "gateway")
        assert (seen.state, seen.created_at, seen.occurred_at) == (None, None, START - HOUR_US)
        assert {event.key_id for event in world.told(KeyUsed)} == {seen.key_id}

    def test_a_key_that_the_batch_tells_more_of_needs_no_further_observation(self, world: World) -> None:
        told = Observation(AWS, START - HOUR_US, "cloudtrail", KeyState.ACTIVE, created_at=START - HOUR_US)

        intake, _ = world.record([use(AWS), told])

        assert intake == Intake(read=1, stored=1, keys_registered=1, observations=1)
        (seen,) = world.told(KeyObserved)
        assert seen.created_at == START - HOUR_US

    def test_a_temporary_credential_is_marked_as_such(self, world: World) -> None:
        world.record([use(ExternalKey("aws", "ASIAIOSFODNN7EXAMPLE", KeyKind.TEMPORARY))])

        assert [seen.kind for seen in world.told(KeyObserved)] == [KeyKind.TEMPORARY]

    def test_a_refused_use_registers_no_key(self, world: World) -> None:
        intake, _ = world.record([use(AWS, occurred_at=START + HOUR_US)])

        assert intake == Intake(read=1, refused=1)
        assert not world.told(KeyObserved)

    def test_an_outside_key_is_found_by_the_name_that_its_source_gave_it(self, world: World) -> None:
        world.record([Observation(AWS, START, "cloudtrail", name="deployer")])

        by_id = world.ledger.find_key(world.org, AWS.external_id)
        assert by_id == world.ledger.find_key(world.org, "deployer")
        assert not by_id.is_minted_here

    def test_the_same_observations_summaries_and_coverage_again_change_nothing(self, world: World) -> None:
        items: list[Item] = [
            Observation(AWS, START, "cloudtrail", KeyState.ACTIVE, BIRTH, "deployer", ZOE, "root"),
            Observation(SLOT, START, "credential report", KeyState.ACTIVE, BIRTH, owner=ZOE),
            UsageSummary(SLOT, START, "credential report", 0, START, last_used_at=START - 1),
            Coverage("cloudtrail", 0, START, "aws", "123456789012"),
            use(AWS),
        ]
        first, _ = world.record(items)
        before = world.rows()
        world.clock.advance(timedelta(days=1))

        for again in (items, items[::-1], items * 2):
            intake, _ = world.record(again)
            repeats = sum(isinstance(item, Use | UsageSummary) for item in again)
            assert intake == Intake(read=repeats, duplicates=repeats)

        assert world.rows() == before
        assert first == Intake(read=2, stored=2, keys_registered=2, observations=3)
        assert len(world.told(KeyUsageSummarized)) == len(world.told(CoverageReported)) == 1

    def test_another_generation_of_a_slot_is_another_key(self, world: World) -> None:
        later = msgspec.structs.replace(SLOT, generation="2024-02-02T00:00:00Z")

        intake, _ = world.record([Observation(slot, START, "credential report") for slot in (SLOT, later)])

        assert intake.keys_registered == 2


KEY_SEEN = Observation(AWS, BIRTH, "cloudtrail", KeyState.ACTIVE, BIRTH, owner=ZOE)
SLOT_SEEN = Observation(SLOT, START, "credential report", KeyState.ACTIVE, BIRTH, owner=ZOE)


class TestLinks:
    @pytest.mark.parametrize("together", [True, False])
    @pytest.mark.parametrize(
        "items",
        [
            [KEY_SEEN, SLOT_SEEN],
            [SLOT_SEEN, KEY_SEEN],
            [use(AWS), SLOT_SEEN, KEY_SEEN],
            [SLOT_SEEN, use(AWS), KEY_SEEN, use(AWS, "u-2")],
            [KEY_SEEN, SLOT_SEEN, KEY_SEEN, SLOT_SEEN],
        ],
        ids=["key-first", "slot-first", "use-first", "use-between", "repeated"],
    )
    def test_a_slot_and_the_key_of_its_owner_and_birth_are_one_in_any_order(
        self, world: World, items: list[Item], *, together: bool
    ) -> None:
        for part in [items] if together else [[item] for item in items]:
            world.record(part)

        (link,) = world.told(KeyLinked)
        key, slot = (world.ledger.find_key(world.org, key.external_id) for key in (AWS, SLOT))
        assert (link.key_id, link.alias_id) == (key.key_id, slot.key_id)
        assert link.occurred_at == BIRTH

    @pytest.mark.parametrize(
        "other",
        [
            msgspec.structs.replace(KEY_SEEN, created_at=BIRTH + 1),
            msgspec.structs.replace(KEY_SEEN, created_at=None),
            msgspec.structs.replace(KEY_SEEN, owner=f"{ZOE}2"),
            msgspec.structs.replace(KEY_SEEN, owner=None),
            msgspec.structs.replace(KEY_SEEN, key=ExternalKey("gcp", "k-1")),
        ],
        ids=["birth", "no-birth", "owner", "no-owner", "source"],
    )
    def test_what_differs_in_owner_birth_or_source_is_not_linked(
        self, world: World, other: Observation
    ) -> None:
        world.record([other, SLOT_SEEN])

        assert not world.told(KeyLinked)

    def test_every_pair_that_fits_is_told_for_readers_to_choose_from(self, world: World) -> None:
        twin = msgspec.structs.replace(KEY_SEEN, key=ExternalKey("aws", "AKIAI44QH8DHBEXAMPLE"))

        world.record([KEY_SEEN])
        world.record([SLOT_SEEN])
        world.record([twin])

        pairs = {(link.key_id, link.alias_id) for link in world.told(KeyLinked)}
        assert len(pairs) == len(world.told(KeyLinked)) == 2
        assert len({slot for _, slot in pairs}) == 1

    def test_a_link_is_told_once_however_often_both_are_seen(self, world: World) -> None:
        world.record([KEY_SEEN, SLOT_SEEN])

        for days in range(3):
            later = START + days * 24 * HOUR_US
            world.record([msgspec.structs.replace(SLOT_SEEN, occurred_at=later)])
            world.record([msgspec.structs.replace(KEY_SEEN, occurred_at=later)])

        assert len(world.told(KeyLinked)) == 1


observations = st.builds(
    Observation,
    key=st.sampled_from([AWS, SLOT, ExternalKey("aws", "AKIAI44QH8DHBEXAMPLE")]),
    occurred_at=st.sampled_from([START - 2, START - 1, START]),
    reporter=st.sampled_from(["cloudtrail", "credential report"]),
    state=st.sampled_from([None, *KeyState]),
    created_at=st.sampled_from([None, BIRTH, BIRTH + 1]),
    name=st.sampled_from([None, "deployer", "backup"]),
    owner=st.sampled_from([None, ZOE, f"{ZOE}2"]),
)


NUL_AWS = ExternalKey("aws", "AKIA\0EXAMPLE")


@pytest.mark.parametrize(
    "item",
    [
        Observation(NUL_AWS, START, "cloudtrail"),
        Observation(AWS, START, "cloudtrail", name="deploy\0er"),
        Observation(AWS, START, "cloudtrail", owner="z\0e"),
        UsageSummary(NUL_AWS, START, "credential report", BIRTH, START),
        Coverage("cloud\0trail", BIRTH, START),
        Use(NUL_AWS, "payments", START),
        Use(AWS, "pay\0ments", START),
    ],
    ids=["key", "name", "owner", "summary", "coverage", "used-key", "service"],
)
def test_a_nul_character_is_refused_with_its_item_and_the_rest_is_kept(world: World, item: Item) -> None:
    created = world.create()

    intake, refusals = world.record([item, use(created.id)])

    assert (intake.stored, intake.refused) == (1, 1)
    assert "holds a NUL character" in refusals[0].reason


def index_after(
    place: Place, batches: list[list[Observation]]
) -> tuple[list[tuple[object, ...]], set[bytes]]:
    with place.ledger() as address:
        world = World(address)
        for batch in batches:
            world.record(batch)
        with world.database.read() as connection:
            indexed = connection.execute(select(credentials).order_by(credentials.c.key_id)).all()
        seen = {row.stream_id for row in world.rows() if isinstance(row.event, KeyObserved)}
        world.database.close()
    return [tuple(row) for row in indexed], seen


@settings(max_examples=25, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(items=st.lists(observations, min_size=2, max_size=6, unique_by=repr), data=st.data())
def test_observations_in_any_order_and_batches_give_the_same_index(
    place: Place, items: list[Observation], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(items))
    cut = data.draw(st.integers(0, len(items)))

    assert index_after(place, [items]) == index_after(place, [shuffled[:cut], shuffled[cut:]])


def test_the_latest_name_of_an_outside_key_is_the_one_that_finds_it(world: World) -> None:
    world.record([Observation(AWS, START, "cloudtrail", name="new")])
    world.record([Observation(AWS, START - 1, "cloudtrail", name="old")])
    world.record([Observation(AWS, START + 1, "cloudtrail")])

    assert world.ledger.find_key(world.org, "new").external_id == AWS.external_id


def test_people_around_an_outside_key_are_told_apart_from_the_rest(world: World) -> None:
    world.record([Observation(AWS, START, "cloudtrail", owner=ZOE, created_by="root")])

    assert [seen.personal for seen in world.told(KeyObserved)] == [ObservedDetails(ZOE, "root")]


def import_at_once(address: str, seed: int, barrier: Barrier) -> None:
    ledger = World.opened(address, Clock(), seed)
    org = ledger.organization()
    actor = org.claimed_actor("ada@example.com")
    items: list[Item] = []
    for number in range(200):
        key = ExternalKey("aws", f"AKIA{number % 40:016}")
        items += [
            use(key, f"u-{number}"),
            Observation(key, BIRTH, "cloudtrail", KeyState.ACTIVE, BIRTH, owner=ZOE),
        ]
    Random(seed).shuffle(items)
    barrier.wait(60)
    for start in range(0, len(items), 20):
        ledger.record_uses(org, actor, items[start : start + 20])
    ledger.database.close()


def test_two_processes_that_import_the_same_at_once_end_in_the_state_of_one(world: World) -> None:
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(2)
    processes = [
        context.Process(target=import_at_once, args=(world.address, seed, barrier)) for seed in (1, 2)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)

    assert [process.exitcode for process in processes] == [0, 0]
    assert len(world.told(KeyUsed)) == 200
    told = [seen.key_id for seen in world.told(KeyObserved) if seen.created_at is not None]
    assert len(told) == len(set(told)) == 40
    with world.database.read() as connection:
        assert len(connection.execute(select(credentials)).all()) == 40
    positions = [row.position for row in world.rows()]
    assert positions == list(range(1, len(positions) + 1))
