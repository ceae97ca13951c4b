import pytest

from ledger.observation import ExternalKey, Observation
from ledger.usage import Use
from projections import callers as module
from projections.callers import Caller
from projections.view import open_view
from tests.office import DAY, HOUR, START, Office

SLOT = ExternalKey("aws", "AKIAEXAMPLE0000000A1")


def callers(office: Office, since: dict[bytes, int], as_of: int | None = None) -> dict[bytes, list[Caller]]:
    with open_view(office.database, office.id, as_of) as view:
        return view.callers(since)


def test_callers_are_counted_from_a_moment_on_with_their_addresses_latest_first(office: Office) -> None:
    key, other = office.key("billing"), office.key("deploy")
    office.use(key, START - 40 * DAY, caller="gone")
    office.use(key, START - 3 * DAY - 1, caller="web", source_ip="192.0.2.1")
    office.use(key, START - 3 * DAY, caller="web", source_ip="192.0.2.2")
    office.use(key, START - DAY, caller="web", source_ip="192.0.2.3", count=5)
    office.use(key, START - HOUR)
    office.use(other, START - 2 * HOUR, caller="ci")

    found = callers(office, {key.id: START - 3 * DAY, other.id: START - DAY})

    assert found == {
        key.id: [
            Caller("billing", None, 1, START - HOUR),
            Caller("billing", "web", 6, START - DAY, ("192.0.2.3", "192.0.2.2")),
        ],
        other.id: [Caller("billing", "ci", 1, START - 2 * HOUR)],
    }


def test_of_coalesced_uses_those_count_that_end_within_the_time(office: Office) -> None:
    key = office.key()
    office.use(key, START - 10 * DAY, caller="over", count=9, last_at=START - 5 * DAY)
    office.use(key, START - 10 * DAY, caller="into", count=4, last_at=START - DAY)

    assert callers(office, {key.id: START - 3 * DAY})[key.id] == [Caller("billing", "into", 4, START - DAY)]


def test_what_was_still_to_come_at_the_moment_of_the_view_does_not_count(office: Office) -> None:
    key = office.key()
    office.now = START + 5 * DAY
    office.use(key, START + DAY, caller="web", count=7, last_at=START + 4 * DAY)
    office.use(key, START + 3 * DAY, caller="later")

    found = callers(office, {key.id: START}, as_of=START + 2 * DAY)

    assert found[key.id] == [Caller("billing", "web", 1, START + DAY)]


def test_without_a_use_in_the_time_nobody_called_and_nothing_is_read(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = office.key()
    office.use(key, START - 40 * DAY)
    monkeypatch.delattr(module, "scan")

    assert callers(office, {key.id: START - 3 * DAY}) == {key.id: []}
    assert callers(office, {}) == {}


def test_the_uses_of_a_key_minted_elsewhere_are_its_own(office: Office) -> None:
    office.record(
        [
            Observation(SLOT, START - 9 * DAY, "cloudtrail"),
            Use(key=SLOT, service="s3", occurred_at=START - DAY, caller="bob"),
        ]
    )
    (record,) = office.records().values()

    assert callers(office, {record.id: START - 3 * DAY})[record.id] == [Caller("s3", "bob", 1, START - DAY)]


@pytest.mark.parametrize("worth", [0, 500])
def test_uses_that_lie_far_apart_in_the_ledger_are_all_found(
    office: Office, monkeypatch: pytest.MonkeyPatch, worth: int
) -> None:
    monkeypatch.setattr(module, "_WORTH_A_QUERY", worth)
    key, other = office.key("billing"), office.key("deploy")
    for day in range(5, 0, -1):
        office.use(key, START - day * DAY, caller="web")
        for number in range(3):
            office.use(other, START - day * DAY + number, caller="ci")

    found = callers(office, {key.id: START - 3 * DAY})

    assert found[key.id] == [Caller("billing", "web", 3, START - DAY)]
