from ledger.audit_events import FindingWaived, KeyConfirmed, KeyLeakReported, KeyWarned, WaiverWithdrawn
from ledger.events import Authentication, Event, OwnerDetails
from projections.marks import Leak, Waiver, Warned, fold_marks

ORG, ADA, KEY, ALIAS, PLAN = (bytes([n]) * 16 for n in range(5))
HEADER = (10, 11, ORG, ADA, Authentication.CLAIMED)


def told(*events: Event) -> list[tuple[int, Event]]:
    return list(enumerate(events, 1))


def test_of_several_waivers_of_a_rule_the_last_stands() -> None:
    first = FindingWaived(*HEADER, KEY, "aged-key", "soon", 20, owner_id=ADA)
    other = FindingWaived(*HEADER, KEY, "unused-key", "spare", 30, personal=OwnerDetails("ops"))
    last = FindingWaived(*HEADER, KEY, "aged-key", "later", 40)

    marks = fold_marks(told(first, other, last), {}, {ADA: "ada@example.com"})[KEY]

    assert marks.waiver("aged-key") == Waiver("aged-key", "later", None, 10, 40, 3)
    assert marks.waiver("unused-key") == Waiver("unused-key", "spare", "ops", 10, 30, 2)


def test_a_waiver_of_a_member_tells_the_address() -> None:
    waived = FindingWaived(*HEADER, KEY, "aged-key", "soon", 20, owner_id=ADA)

    waiver = fold_marks(told(waived), {}, {ADA: "ada@example.com"})[KEY].waiver("aged-key")

    assert waiver is not None
    assert waiver.owner == "ada@example.com"


def test_a_withdrawn_waiver_is_gone() -> None:
    waived = FindingWaived(*HEADER, KEY, "aged-key", "soon", 20)

    marks = fold_marks(told(waived, WaiverWithdrawn(*HEADER, KEY, "aged-key")), {}, {})[KEY]

    assert marks.waiver("aged-key") is None


def test_what_was_said_of_an_alias_is_its_keys() -> None:
    leaked = KeyLeakReported(*HEADER, ALIAS, "values.yaml:3")
    warned = KeyWarned(*HEADER, KEY, PLAN, "unused-key")
    confirmed = KeyConfirmed(*HEADER, ALIAS)

    marks = fold_marks(told(leaked, warned, confirmed), {ALIAS: KEY}, {})

    assert list(marks) == [KEY]
    assert marks[KEY].leaks == (Leak("values.yaml:3", 10, 1),)
    assert marks[KEY].warnings == (Warned(PLAN, "unused-key", 10, 2),)
    assert (marks[KEY].confirmed_at, marks[KEY].confirmed_position) == (10, 3)
