import pytest

from ledger.actor import Actor, Stamp
from ledger.errors import Conflict, InvalidInput, LedgerCorrupt, NotAllowed, NotFound, WrongState
from ledger.events import (
    Authentication,
    Event,
    MemberAdded,
    MemberDetails,
    MemberRemoved,
    MemberRoleChanged,
    OrganizationCreated,
    Role,
)
from ledger.organization import (
    Organization,
    add_member,
    change_role,
    evolve,
    remove_member,
    validate_email,
    validate_organization_name,
)
from tests.golden.samples import BARE
from tests.world import ADMIN_EMAIL, START, World

ORGANIZATION, ADA, BEN, CARA = (bytes([n]) * 16 for n in range(1, 5))
ADMIN = Stamp(ORGANIZATION, Actor(ADA, Authentication.CLAIMED, Role.ADMIN, "ada@example.com"), START)
READER = Stamp(ORGANIZATION, Actor(BEN, Authentication.CLAIMED, Role.MEMBER, "ben@example.com"), START)
HEADER = ADMIN.header()


def fold(*happened: Event) -> Organization:
    events = (
        OrganizationCreated(*HEADER, "acme", "kl"),
        MemberAdded(*HEADER, ADA, Role.ADMIN, MemberDetails("ada@example.com", "ada")),
        MemberAdded(*HEADER, BEN, Role.MEMBER, MemberDetails("ben@example.com", "ben")),
        *happened,
    )
    organization: Organization | None = None
    for version, event in enumerate(events, 1):
        organization = evolve(organization, ORGANIZATION, version, event)
    assert organization is not None
    return organization


def test_an_organization_is_what_its_events_say() -> None:
    organization = fold(MemberRoleChanged(*HEADER, BEN, Role.ADMIN), MemberRemoved(*HEADER, ADA))

    assert (organization.name, organization.secret_prefix, organization.version) == ("acme", "kl", 5)
    assert organization.member("ben@example.com").role is Role.ADMIN
    assert organization.members[ADA].removed


def test_a_member_is_found_in_any_case_of_letters() -> None:
    assert fold().member("ADA@Example.COM").id == ADA


def test_a_removed_member_keeps_his_name_in_history_and_is_no_member() -> None:
    organization = fold(MemberRemoved(*HEADER, BEN))

    assert organization.members[BEN].email == "ben@example.com"
    with pytest.raises(NotFound, match="keyledger member list"):
        organization.member("ben@example.com")


def test_a_removed_member_may_be_added_again_as_somebody_new() -> None:
    organization = fold(MemberRemoved(*HEADER, BEN))

    event = add_member(organization, CARA, MemberDetails("ben@example.com"), Role.MEMBER, ADMIN)

    assert evolve(organization, ORGANIZATION, 5, event).member("ben@example.com").id == CARA


@pytest.mark.parametrize("email", ["ada@example.com", "ADA@EXAMPLE.COM"])
def test_nobody_is_added_twice(email: str) -> None:
    with pytest.raises(WrongState, match="member already, with the role admin"):
        add_member(fold(), CARA, MemberDetails(email), Role.MEMBER, ADMIN)


def test_a_member_who_may_only_read_manages_nobody() -> None:
    with pytest.raises(NotAllowed, match=r"ben@example\.com has the role member.*add members"):
        add_member(fold(), CARA, MemberDetails("cara@example.com"), Role.MEMBER, READER)
    with pytest.raises(NotAllowed, match="change roles"):
        change_role(fold(), "ben@example.com", Role.ADMIN, READER)
    with pytest.raises(NotAllowed, match="remove members"):
        remove_member(fold(), "ada@example.com", READER)


def test_a_role_is_changed_to_another_one_only() -> None:
    event = change_role(fold(), "ben@example.com", Role.ADMIN, ADMIN)

    assert (event.member_id, event.role) == (BEN, Role.ADMIN)
    with pytest.raises(WrongState, match="role admin already"):
        change_role(fold(event), "ben@example.com", Role.ADMIN, ADMIN)


def test_the_last_admin_stays_and_keeps_the_role() -> None:
    with pytest.raises(WrongState, match="last admin"):
        change_role(fold(), "ada@example.com", Role.MEMBER, ADMIN)
    with pytest.raises(WrongState, match="last admin"):
        remove_member(fold(), "ada@example.com", ADMIN)


def test_a_removed_admin_does_not_count_as_another_admin() -> None:
    organization = fold(MemberRoleChanged(*HEADER, BEN, Role.ADMIN), MemberRemoved(*HEADER, BEN))

    with pytest.raises(WrongState, match="last admin"):
        remove_member(organization, "ada@example.com", ADMIN)


def test_an_admin_may_leave_where_another_stays() -> None:
    organization = fold(MemberRoleChanged(*HEADER, BEN, Role.ADMIN))

    assert remove_member(organization, "ada@example.com", ADMIN).member_id == ADA
    assert change_role(organization, "ada@example.com", Role.MEMBER, ADMIN).member_id == ADA


def test_a_claimed_actor_is_marked_as_a_claim() -> None:
    actor = fold().claimed_actor("Ben@example.com")

    assert actor == Actor(BEN, Authentication.CLAIMED, Role.MEMBER, "ben@example.com")


@pytest.mark.parametrize("login", ["ada", "ada@example.com"])
def test_an_operating_system_user_is_the_member_with_that_login(login: str) -> None:
    assert fold().login_actor(login) == Actor(
        ADA, Authentication.OPERATING_SYSTEM, Role.ADMIN, "ada@example.com"
    )


@pytest.mark.parametrize("login", ["", "root", "ben"])
def test_a_stranger_or_a_removed_member_is_nobody(login: str) -> None:
    with pytest.raises(NotFound, match=r"--as EMAIL or KEYLEDGER_ACTOR"):
        fold(MemberRemoved(*HEADER, BEN)).login_actor(login)


@pytest.mark.parametrize("name", ["acme", "Acme", "acme-eu", "a.b_c-d", "7", "x" * 64])
def test_a_name_that_can_be_typed_names_an_organization(name: str) -> None:
    assert validate_organization_name(name) == name


@pytest.mark.parametrize("name", ["", " ", "acme ", "-acme", "a--b", "acme/eu", "ácme", "x" * 65, "a\n"])
def test_any_other_name_does_not(name: str) -> None:
    with pytest.raises(InvalidInput, match="cannot name an organization"):
        validate_organization_name(name)


@pytest.mark.parametrize(
    "email", ["", "a b@example.com", "a@example.com\n", "x" * 255, "a\u00a0b", "\x1b[31m"]
)
def test_what_cannot_be_printed_in_one_word_names_no_member(email: str) -> None:
    with pytest.raises(InvalidInput, match="cannot name a member"):
        validate_email(email)
    with pytest.raises(InvalidInput):
        add_member(fold(), CARA, MemberDetails(email), Role.MEMBER, ADMIN)
    with pytest.raises(InvalidInput):
        add_member(fold(), CARA, MemberDetails("cara@example.com", email), Role.MEMBER, ADMIN)


def test_a_stream_that_begins_otherwise_or_holds_something_else_is_corrupt() -> None:
    with pytest.raises(LedgerCorrupt, match="does not begin with its creation"):
        evolve(None, ORGANIZATION, 1, MemberRemoved(*HEADER, BEN))
    with pytest.raises(LedgerCorrupt, match="stands in an organization's stream"):
        fold(BARE[-1])


def test_the_founder_is_recorded_as_the_one_who_did_it(world: World) -> None:
    (created,) = world.told(OrganizationCreated)
    (added,) = world.told(MemberAdded)

    assert created.actor_id == added.actor_id == added.member_id == world.admin.id
    assert created.authentication is Authentication.CLAIMED


def test_of_two_changes_from_the_same_state_the_second_is_a_conflict(world: World) -> None:
    stale = world.reload()
    world.ledger.add_member(stale, world.admin, MemberDetails("ben@example.com"), Role.MEMBER)

    with pytest.raises(Conflict, match="look again and repeat"):
        world.ledger.add_member(stale, world.admin, MemberDetails("ben@example.com"), Role.ADMIN)

    assert len(world.reload().members) == 2


def test_an_organization_is_founded_once(world: World) -> None:
    founder = MemberDetails("eve@example.com")

    with pytest.raises(WrongState, match="'acme' already"):
        world.ledger.create_organization("acme", founder, Authentication.CLAIMED)

    assert len(world.told(OrganizationCreated)) == 1


def test_the_only_organization_needs_no_name_and_of_several_one_is_named(world: World) -> None:
    assert world.ledger.organization().id == world.org.id

    other = world.ledger.create_organization("globex", MemberDetails(ADMIN_EMAIL), Authentication.CLAIMED)

    assert world.ledger.organization_names() == ["acme", "globex"]
    assert world.ledger.organization("globex").id == other.id
    with pytest.raises(InvalidInput, match="acme, globex"):
        world.ledger.organization()
    with pytest.raises(NotFound, match=r"'initech'.*acme, globex"):
        world.ledger.organization("initech")


def test_members_come_get_another_role_and_go(world: World) -> None:
    world.member("ben@example.com", Role.MEMBER)

    world.ledger.change_role(world.reload(), world.admin, "ben@example.com", Role.ADMIN)
    assert world.reload().member("ben@example.com").role is Role.ADMIN

    world.ledger.remove_member(world.reload(), world.admin, "ben@example.com")
    assert [member.removed for member in world.reload().members.values()] == [False, True]


def test_what_another_process_decides_of_an_organization_holds_at_once(world: World) -> None:
    world.member("ben@example.com", Role.ADMIN)
    elsewhere = world.opened(world.address, world.clock)
    assert elsewhere.organization("acme").member("ben@example.com").role is Role.ADMIN

    world.ledger.change_role(world.reload(), world.admin, "ben@example.com", Role.MEMBER)
    assert elsewhere.organization("acme").member("ben@example.com").role is Role.MEMBER

    world.ledger.remove_member(world.reload(), world.admin, "ben@example.com")
    with pytest.raises(NotFound):
        elsewhere.organization("acme").member("ben@example.com")
    elsewhere.database.close()
