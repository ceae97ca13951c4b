import os
from multiprocessing import get_context
from pathlib import Path

import pytest
from sqlalchemy import event as hooks

from ledger.errors import LedgerUnavailable, NotFound
from ledger.events import DenialReason, KeyKind, KeyState, MemberDetails, Role
from ledger.intake import Item
from ledger.key_terms import KeyChanges, NewKey
from ledger.observation import Coverage, ExternalKey, Observation, UsageSummary
from ledger.usage import Use
from ledger.verdict import Presented
from projections import view as module
from projections.audit.report import AuditScope, audit
from projections.catch_up import catch_up
from projections.key_record import KeyRecord
from projections.tables import TABLES
from projections.view import View, open_view
from tests.office import DAY, HOUR, MINUTE, START, Office

ACCESS_KEY = ExternalKey("aws", "AKIAEXAMPLE0000000A1")
SLOT = ExternalKey("aws", "arn:aws:iam::111122223333:user/bob/1", account="111122223333", generation="g1")
CREATED = START - 100 * DAY


def only(records: dict[bytes, KeyRecord]) -> KeyRecord:
    (record,) = records.values()
    return record


def test_last_used_is_the_latest_moment_and_not_the_last_arrival(office: Office) -> None:
    key = office.key()
    office.use(key, START - HOUR)

    office.use(key, START - DAY)

    record = office.records()[key.id]
    assert (record.first_used_at, record.last_used_at, record.use_count) == (START - DAY, START - HOUR, 2)


def test_a_denied_attempt_never_moves_last_used(office: Office) -> None:
    key = office.key()
    office.use(key, START - HOUR)
    office.ledger.revoke_key(office.org, office.ada, office.ledger.find_key(office.org, key.name))
    office.now += DAY

    verdict = office.ledger.check(key.secret, Presented("api", "worker"))

    record = office.records()[key.id]
    assert not verdict.valid
    assert record.last_used_at == START - HOUR
    (denial,) = record.denials
    assert (denial.reason, denial.caller, denial.count) == (DenialReason.REVOKED, "worker", 1)


def test_a_keys_life_shows_in_its_record(office: Office) -> None:
    key = office.key()
    credential = office.ledger.find_key(office.org, key.name)
    changes = KeyChanges(
        name="ci-main", owner="team-payments", expires_at=START + 90 * DAY, scopes=("keys:check",)
    )
    office.ledger.change_key(office.org, office.ada, credential, changes)
    office.now += HOUR
    rotated = office.ledger.rotate_key(office.org, office.ada, credential)

    records = office.records()

    old, new = records[key.id], records[rotated.successor.id]
    assert (old.name, old.owner, old.expires_at, old.scopes) == (
        "ci-main",
        "team-payments",
        START + 90 * DAY,
        ("keys:check",),
    )
    assert (old.rotated_at, old.successor_id) == (START + HOUR, new.id)
    assert (new.name, new.owner, new.created_by) == ("ci-main", "team-payments", "ada@example.com")
    assert old.status(START + 2 * HOUR) == "active"
    assert old.status(rotated.overlap_ends_at) == "expired"


def test_a_departed_owner_is_marked(office: Office) -> None:
    ledger = office.ledger
    ledger.add_member(office.org, office.ada, MemberDetails("bob@example.com"), Role.MEMBER)
    key = ledger.create_key(office.org, office.ada, NewKey("nightly", owner="bob@example.com"))
    ledger.remove_member(office.org, office.ada, "bob@example.com")

    record = office.records()[key.id]

    assert (record.owner, record.owner_departed) == ("bob@example.com", True)


@pytest.mark.parametrize("slot_first", [True, False])
def test_a_slot_and_its_access_key_are_one_key_in_any_order(office: Office, slot_first: bool) -> None:
    slot: list[Item] = [
        Observation(SLOT, START, "iam-credential-report", KeyState.ACTIVE, CREATED, owner="bob"),
        UsageSummary(SLOT, START, "iam-credential-report", CREATED, START, last_used_at=START - 5 * DAY),
    ]
    access_key: list[Item] = [
        Observation(ACCESS_KEY, START - DAY, "iam-access-keys", KeyState.ACTIVE, CREATED, owner="bob"),
        Use(ACCESS_KEY, "s3.amazonaws.com", START - 9 * DAY, given_id="1", reporter="cloudtrail"),
        Observation(ACCESS_KEY, START - HOUR, "cloudtrail", KeyState.DISABLED),
    ]

    for items in (slot, access_key) if slot_first else (access_key, slot):
        office.record(items)

    record = only(office.records())
    assert record.external_id == "AKIAEXAMPLE0000000A1"
    assert record.account == "111122223333"
    assert (record.created_at, record.first_used_at, record.last_used_at) == (
        CREATED,
        START - 9 * DAY,
        START - 5 * DAY,
    )
    assert record.covered == ((CREATED, START),)
    assert record.state is KeyState.ACTIVE  # the report is the later word


def test_either_name_of_a_linked_key_finds_it(office: Office) -> None:
    office.record(
        [
            Observation(SLOT, START, "report", KeyState.ACTIVE, CREATED, owner="bob"),
            Observation(ACCESS_KEY, START, "list", KeyState.ACTIVE, CREATED, owner="bob"),
        ]
    )
    alias = office.ledger.find_key(office.org, SLOT.external_id)

    with open_view(office.database, office.id) as view:
        assert view.record(alias.key_id).external_id == ACCESS_KEY.external_id
        assert [type(each.event).__name__ for each in view.timeline(view.record(alias.key_id).id)] == [
            "KeyLinked",
            "KeyObserved",
            "KeyObserved",
        ]


@pytest.mark.parametrize("order", ["s1 k1 s2 k2", "s1 s2 k1 k2", "k1 s1 k2 s2", "k2 k1 s1 s2"])
def test_keys_of_one_owner_and_moment_are_told_apart_and_not_guessed(office: Office, order: str) -> None:
    twins = {
        "s1": SLOT,
        "s2": ExternalKey(
            "aws", SLOT.external_id.replace("/1", "/2"), account="111122223333", generation="g1"
        ),
        "k1": ACCESS_KEY,
        "k2": ExternalKey("aws", "AKIAEXAMPLE0000000B2"),
    }

    for name in order.split():
        office.record([Observation(twins[name], START, "aws", KeyState.ACTIVE, CREATED, owner="bob")])

    assert {record.external_id for record in office.records().values()} == {
        key.external_id for key in twins.values()
    }


def test_a_deletion_read_before_its_creation_is_final(office: Office) -> None:
    office.record([Observation(ACCESS_KEY, START - HOUR, "cloudtrail", KeyState.REVOKED)])

    office.record(
        [Observation(ACCESS_KEY, START - DAY, "cloudtrail", KeyState.ACTIVE, START - DAY, owner="bob")]
    )

    record = only(office.records())
    assert (record.state, record.created_at, record.revoked_at) == (
        KeyState.REVOKED,
        START - DAY,
        START - HOUR,
    )


def rotated_slot(generation: str, created_at: int, reported_at: int) -> Observation:
    key = ExternalKey("aws", SLOT.external_id, account="111122223333", generation=generation)
    return Observation(key, reported_at, "iam-credential-report", KeyState.ACTIVE, created_at, owner="bob")


@pytest.mark.parametrize("newest_first", [True, False])
def test_a_key_that_another_one_followed_in_its_slot_is_revoked(office: Office, newest_first: bool) -> None:
    reports = [rotated_slot("old", CREATED, START - DAY), rotated_slot("new", START - 5 * HOUR, START)]
    for observation in reversed(reports) if newest_first else reports:
        office.record([observation])

    by_creation = {record.created_at: record for record in office.records().values()}

    old, new = by_creation[CREATED], by_creation[START - 5 * HOUR]
    assert (old.state, old.revoked_at) == (KeyState.REVOKED, START - 5 * HOUR)
    assert new.state is KeyState.ACTIVE
    with open_view(office.database, office.id) as view:
        assert view.record(old.id) == old
    assert [record.state for record in office.records(as_of=START - 6 * HOUR).values()] == [KeyState.ACTIVE]


def test_the_access_key_of_a_replaced_slot_is_revoked_with_it(office: Office) -> None:
    office.record([Observation(ACCESS_KEY, START - DAY, "list", KeyState.ACTIVE, CREATED, owner="bob")])

    office.record([rotated_slot("old", CREATED, START - DAY), rotated_slot("new", START - HOUR, START)])

    states = {record.external_id: record.state for record in office.records().values()}
    assert states == {ACCESS_KEY.external_id: KeyState.REVOKED, SLOT.external_id: KeyState.ACTIVE}


def test_a_summary_alone_leaves_the_count_unknown(office: Office) -> None:
    office.record([UsageSummary(SLOT, START, "report", CREATED, START, last_used_at=START - DAY)])

    record = only(office.records())

    assert (record.use_count, record.last_used_at) == (None, START - DAY)


def test_coverage_counts_only_for_its_own_source_and_account(office: Office) -> None:
    elsewhere = ExternalKey("aws", "AKIAEXAMPLE0000000B2", account="999988887777")
    office.record([Observation(key, START, "list") for key in (SLOT, elsewhere)])

    office.record(
        [
            Coverage("cloudtrail", START - 9 * DAY, START, source="aws", account="111122223333"),
            Coverage("cloudtrail", START - 9 * DAY, START, source="gcp"),
        ]
    )

    covered = {record.account: record.covered for record in office.records().values()}
    assert covered == {"111122223333": ((START - 9 * DAY, START),), "999988887777": ()}


def test_now_is_the_newest_event_where_its_sender_is_a_little_ahead(office: Office) -> None:
    key = office.key()
    ahead = office.now + 2 * MINUTE
    office.use(key, ahead)

    with open_view(office.database, office.id, now=office.now) as view:
        assert view.as_of == ahead
        found = view.record(key.id)

    assert office.records(as_of=ahead)[key.id] == found


def test_now_is_the_clock_where_an_event_is_of_a_far_future(office: Office) -> None:
    office.now += 400 * DAY
    office.key("made-while-the-clock-was-wrong")
    office.now -= 400 * DAY

    with open_view(office.database, office.id, now=office.now) as view:
        assert view.as_of == office.now
        assert view.records() == []


@pytest.mark.parametrize(
    "told",
    [
        Use(ACCESS_KEY, "s3", CREATED, reporter="cloudtrail"),
        Observation(ACCESS_KEY, CREATED, "cloudtrail", state=KeyState.ACTIVE),
        UsageSummary(ACCESS_KEY, START, "report", START - DAY, START, last_used_at=CREATED),
    ],
    ids=["a use", "a state", "a summary"],
)
def test_every_finding_on_a_key_of_unknown_creation_cites_what_told_of_it(office: Office, told: Item) -> None:
    office.record([told])

    record = only(office.records())

    report = audit(AuditScope("acme", START, position=4, tool_version="0"), [record])
    assert "aged-key" in {finding.rule for finding in report.findings}
    assert all(finding.evidence for finding in report.findings)


def test_temporary_credentials_are_marked(office: Office) -> None:
    office.record([Use(ExternalKey("aws", "ASIAEXAMPLE", KeyKind.TEMPORARY), "s3", START)])

    assert only(office.records()).kind is KeyKind.TEMPORARY


def test_another_organizations_keys_never_show(office: Office) -> None:
    key = office.key()
    other = office.ledger.create_organization("other", MemberDetails("eve@example.com"), 2)  # type: ignore[arg-type]

    with open_view(office.database, other.id) as view:
        assert view.records() == []
        assert [member.email for member in view.members()] == ["eve@example.com"]
        with pytest.raises(NotFound):
            view.record(key.id)
        assert view.timeline(key.id) == []


def test_the_past_is_answered_while_later_events_are_there(office: Office) -> None:
    key = office.key()
    office.use(key, START)
    office.now += 10 * DAY
    office.use(key, office.now)
    office.ledger.revoke_key(office.org, office.ada, office.ledger.find_key(office.org, key.name))

    past = office.records(as_of=START + DAY)[key.id]

    assert (past.state, past.use_count, past.last_used_at) == (KeyState.ACTIVE, 1, START)
    assert office.records(as_of=office.now)[key.id].state is KeyState.REVOKED
    assert office.records(as_of=START - 1) == {}


@pytest.mark.parametrize("created_at", [CREATED, None], ids=["created later", "of unknown creation"])
def test_a_key_was_not_there_before_its_creation_although_a_report_covers_that_time(
    office: Office, created_at: int | None
) -> None:
    listed = Observation(SLOT, START, "report", state=KeyState.ACTIVE, created_at=created_at)
    office.record([listed, UsageSummary(SLOT, START, "report", CREATED - 900 * DAY, START)])

    assert office.records(as_of=CREATED - 1) == {}
    assert len(office.records(as_of=START)) == 1


def read_as_nobody(path: str, organization_id: bytes, results: object) -> None:
    from ledger.database import open_database  # noqa: PLC0415 - in the new process

    os.setgid(65534)
    os.setuid(65534)
    database = open_database(path)
    with open_view(database, organization_id) as view:
        found = [(record.name, record.use_count) for record in view.records()]
    try:
        with database.write():
            refusal = ""
    except LedgerUnavailable as error:
        refusal = str(error)
    results.put((database.writable, found, refusal))  # type: ignore[attr-defined]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody without rights")
@pytest.mark.parametrize("caught_up", [True, False])
@pytest.mark.sqlite_only(reason="rights of a file; those of a role are in test_postgresql_roles")
def test_a_reader_without_write_rights_folds_the_tail_in_memory(office: Office, caught_up: bool) -> None:
    key = office.key()
    if caught_up:
        office.records()
    office.use(key, START, count=5)
    office.close()
    Path(office.address).parent.chmod(0o755)
    Path(office.address).chmod(0o644)
    context = get_context("spawn")
    results = context.Queue()

    reader = context.Process(target=read_as_nobody, args=(office.address, office.id, results))
    reader.start()
    writable, found, refusal = results.get(timeout=30)
    reader.join()

    assert not writable
    assert found == [(key.name, 5)]
    assert "may not be written" in refusal


def test_views_read_one_position(office: Office) -> None:
    key = office.key()
    office.use(key, START)

    with open_view(office.database, office.id) as view:
        office.use(key, START + 1)
        assert view.position == 4
        assert view.record(key.id).use_count == 1


def test_a_view_tells_the_position_of_its_rows_when_others_are_faster(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = office.key()
    office.use(key, START)

    class Overtaken(View):
        def __init__(self, *args: object) -> None:
            super().__init__(*args)  # type: ignore[arg-type]
            office.use(key, START + 1)
            office.ledger.revoke_key(office.org, office.ada, office.ledger.find_key(office.org, key.name))
            catch_up(office.database)

    monkeypatch.setattr(module, "View", Overtaken)

    with open_view(office.database, office.id) as view:
        assert view.position == 4
        assert view.record(key.id).use_count == 1
        assert [each.position for each in view.timeline(key.id)] == [3]


def test_a_view_never_claims_a_position_that_its_rows_have_not_come_to(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = office.key()

    def overtaken(*args: object) -> int:
        position = catch_up(*args)  # type: ignore[arg-type]
        office.use(key, START)
        return position

    monkeypatch.setattr(module, "catch_up", overtaken)

    with open_view(office.database, office.id) as view, office.database.read() as connection:
        assert view.position == TABLES.position(connection) == 3
        assert view.record(key.id).use_count == 0


def test_the_timeline_of_the_past_ends_there(office: Office) -> None:
    office.record(
        [
            Observation(ACCESS_KEY, START - 9 * DAY, "cloudtrail", KeyState.ACTIVE, START - 9 * DAY),
            Observation(ACCESS_KEY, START - DAY, "cloudtrail", KeyState.REVOKED),
        ]
    )

    with open_view(office.database, office.id, START - 5 * DAY) as view:
        (record,) = view.records()
        assert [each.event.occurred_at for each in view.timeline(record.id)] == [START - 9 * DAY]


def test_a_long_timeline_takes_no_query_an_event(office: Office) -> None:
    key = office.key()
    office.ledger.revoke_key(office.org, office.ada, office.ledger.find_key(office.org, key.name))
    for _ in range(50):
        office.now += 60_000_000
        office.ledger.check(key.secret, Presented("api"))
    queries: list[object] = []

    with open_view(office.database, office.id) as view:
        hooks.listen(office.database.engine, "before_cursor_execute", lambda *_: queries.append(1))
        assert len(view.timeline(key.id)) == 52

    assert len(queries) == 3


def test_the_past_is_answered_although_the_clock_went_back(office: Office) -> None:
    key = office.key()
    office.now -= HOUR
    office.ledger.disable_key(office.org, office.ada, office.ledger.find_key(office.org, key.name))
    office.now += DAY
    office.use(key, office.now)

    assert office.records(as_of=START - 1) == {}
    assert office.records(as_of=START)[key.id].state is KeyState.DISABLED


@pytest.mark.parametrize("slot_first", [True, False])
def test_users_of_one_name_in_two_accounts_keep_their_own_keys(office: Office, slot_first: bool) -> None:
    elsewhere = ExternalKey("aws", "AKIAEXAMPLE0000000B2", account="999988887777")
    ours = ExternalKey("aws", "AKIAEXAMPLE0000000A1", account=SLOT.account)
    slot, foreign, own = (
        Observation(key, START, "list", KeyState.ACTIVE, CREATED, owner="ci")
        for key in (SLOT, elsewhere, ours)
    )

    for item in (slot, foreign) if slot_first else (foreign, slot):
        office.record([item])
    assert {record.external_id: record.account for record in office.records().values()} == {
        SLOT.external_id: SLOT.account,
        elsewhere.external_id: elsewhere.account,
    }

    office.record([own])
    assert {record.external_id: record.account for record in office.records().values()} == {
        ours.external_id: SLOT.account,
        elsewhere.external_id: elsewhere.account,
    }
