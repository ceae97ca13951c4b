from threading import Barrier, Thread

import pytest

from ledger.actor import Actor
from ledger.errors import InvalidInput, NotAllowed, NotFound
from ledger.events import Authentication, MemberDetails, Role
from ledger.leaks import MAX_PLACE, LeakedAt, Leaks
from ledger.recorded import event_at
from tests.office import HOUR, START, Office

PLACE = "payments@0a1b2c3d4e5f:deploy/values.yaml:12"


def leaks(office: Office) -> Leaks:
    return Leaks(office.ledger, office.org, office.ada)


def marked(office: Office, key_id: bytes) -> list[tuple[str, int]]:
    return [(leak.place, leak.reported_at) for leak in office.records()[key_id].marks.leaks]


def test_a_repeat_of_the_same_leak_at_the_same_place_is_one_event(office: Office) -> None:
    key = office.key()
    first = LeakedAt(key.id, PLACE)

    recorded = [leaks(office).report([first, first])]
    office.now += HOUR
    recorded += [leaks(office).report([first]), leaks(office).report([first, LeakedAt(key.id, "b:1")])]

    assert recorded == [1, 0, 1]
    assert marked(office, key.id) == [(PLACE, START), ("b:1", START + HOUR)]


def test_a_report_does_not_compete_with_the_keys_own_decisions(office: Office) -> None:
    key = office.key()
    credential = office.ledger.find_key(office.org, key.name)
    version = office.ledger.key(office.org, credential).version

    leaks(office).report([LeakedAt(key.id, PLACE)])

    assert office.ledger.key(office.org, credential).version == version
    office.ledger.revoke_key(office.org, office.ada, credential)


def test_a_report_tells_who_made_it(office: Office) -> None:
    key = office.key()
    leaks(office).report([LeakedAt(key.id, PLACE)])

    (leak,) = office.records()[key.id].marks.leaks

    event = event_at(office.database, office.id, leak.position).event
    assert (event.actor_id, event.authentication) == (office.ada.id, Authentication.CLAIMED)


def test_of_two_who_report_the_same_at_once_one_is_the_first(office: Office) -> None:
    key = office.key()
    start, recorded = Barrier(2), list[int]()

    def report() -> None:
        reporter = leaks(office)
        start.wait()
        recorded.append(reporter.report([LeakedAt(key.id, PLACE)]))

    threads = [Thread(target=report) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(recorded) == [0, 1]
    assert len(marked(office, key.id)) == 1


def test_who_only_reads_reports_no_leak(office: Office) -> None:
    key = office.key()
    office.ledger.add_member(office.org, office.ada, MemberDetails("bob@example.com"), Role.MEMBER)
    bob: Actor = office.org.claimed_actor("bob@example.com")

    with pytest.raises(NotAllowed, match="ask an admin of the organization to record leaks"):
        Leaks(office.ledger, office.org, bob).report([LeakedAt(key.id, PLACE)])


def test_a_leak_of_a_key_that_is_not_here_is_refused_and_so_are_the_others(office: Office) -> None:
    key = office.key()

    with pytest.raises(NotFound, match="no key 00000000-"):
        leaks(office).report([LeakedAt(key.id, PLACE), LeakedAt(bytes(16), PLACE)])

    assert marked(office, key.id) == []


def test_a_place_holds_no_secret_and_is_one_line(office: Office) -> None:
    key = office.key()

    for place in (key.secret.reveal(), f"logs/{key.secret.reveal()}:1", "a\nb:1", "", "x" * (MAX_PLACE + 1)):
        with pytest.raises(InvalidInput) as refused:
            leaks(office).report([LeakedAt(key.id, place)])
        assert key.secret.reveal() not in str(refused.value)
