from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from ledger.actor import Actor
from ledger.audit_events import FindingWaived, WaiverWithdrawn
from ledger.credentials import Credential
from ledger.errors import Conflict, InvalidInput, NotAllowed, NotFound, WrongState
from ledger.events import MemberDetails, Role
from ledger.recorded import event_at
from ledger.waivers import Waivers, WaiverTerms
from tests.office import DAY, START, Office

LONGEST = timedelta(days=90)


def key_of(office: Office) -> Credential:
    return office.ledger.find_key(office.org, office.key("billing").id.hex())


def waivers(office: Office, actor: Actor | None = None) -> Waivers:
    return Waivers(office.ledger, office.org, actor or office.ada)


def terms(days: int = 30, reason: str = "moves to OIDC", owner: str = "ops") -> WaiverTerms:
    return WaiverTerms(reason, owner, START + days * DAY)


def last_event(office: Office) -> object:
    position = office.ledger.recorder.max_notification_id()
    assert position is not None
    return event_at(office.database, office.id, position).event


def test_a_waiver_says_who_answers_for_it_and_until_when(office: Office) -> None:
    key = key_of(office)

    waivers(office).waive(key, "aged-key", terms(owner="ada@example.com"), LONGEST)

    event = last_event(office)
    assert isinstance(event, FindingWaived)
    assert (event.key_id, event.rule, event.reason) == (key.key_id, "aged-key", "moves to OIDC")
    assert event.expires_at == START + 30 * DAY
    assert (event.owner_id, event.personal) == (office.ada.id, None)


def test_a_finding_is_waived_once_at_a_time(office: Office) -> None:
    key = key_of(office)
    waivers(office).waive(key, "aged-key", terms(), LONGEST)

    with pytest.raises(WrongState, match="unwaive"):
        waivers(office).waive(key, "aged-key", terms(60), LONGEST)
    waivers(office).waive(key, "unused-key", terms(), LONGEST)


def test_an_expired_waiver_is_followed_by_another(office: Office) -> None:
    key = key_of(office)
    waivers(office).waive(key, "aged-key", terms(30), LONGEST)
    office.now = START + 30 * DAY

    waivers(office).waive(key, "aged-key", terms(60), LONGEST)


def test_a_withdrawn_waiver_is_over(office: Office) -> None:
    key = key_of(office)
    waivers(office).waive(key, "aged-key", terms(), LONGEST)

    waivers(office).withdraw(key, "aged-key", "rotated")

    assert isinstance(last_event(office), WaiverWithdrawn)
    with pytest.raises(NotFound, match="not waived"):
        waivers(office).withdraw(key, "aged-key")


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        (terms(0), "is over"),
        (terms(91), "at most"),
        (terms(reason="  "), "needs a reason"),
        (terms(owner=" "), "name"),
        (terms(reason="two\nlines"), "one line"),
    ],
)
def test_terms_that_make_no_sense_are_refused(office: Office, said: WaiverTerms, complaint: str) -> None:
    key = key_of(office)

    with pytest.raises(InvalidInput, match=complaint):
        waivers(office).waive(key, "aged-key", said, LONGEST)


def test_the_longest_waiver_ends_to_the_second_when_it_may(office: Office) -> None:
    waivers(office).waive(key_of(office), "aged-key", terms(90), LONGEST)


def test_who_may_only_read_waives_nothing(office: Office) -> None:
    key = key_of(office)
    office.ledger.add_member(office.org, office.ada, MemberDetails("bob@example.com"), Role.MEMBER)
    bob = office.org.claimed_actor("bob@example.com")

    with pytest.raises(NotAllowed):
        waivers(office, bob).waive(key, "aged-key", terms(), LONGEST)
    with pytest.raises(NotAllowed):
        waivers(office, bob).withdraw(key, "aged-key")


def test_of_several_waivers_at_once_one_wins(office: Office) -> None:
    key = key_of(office)

    def waive(_number: int) -> bool:
        try:
            waivers(office).waive(key, "aged-key", terms(), LONGEST)
        except (Conflict, WrongState):
            return False
        return True

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(waive, range(8))) == 1
