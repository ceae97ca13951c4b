"""What a source says exists against what the ledger knows."""

import msgspec
import pytest

from ledger.events import KeyKind, KeyState
from ledger.ids import format_id
from projections.key_record import KeyRecord
from projections.reconciliation import Difference, Extent, KnownKeys, SourceKey, reconcile
from tests.projections.audit.records import DAY, NOW, OVER, aws, minted

AWS = Extent(NOW, sources=frozenset({"aws"}))
KEY = aws(external_id="AKIA1")
SLOT = "arn:aws:iam::111122223333:user/kaleb/1"


def listed(record: KeyRecord, **changes: object) -> SourceKey:
    """A key just as the ledger has it."""
    key = SourceKey(
        record.external_id or format_id(record.id),
        record.source,
        state=record.state,
        owner=record.owner,
        created_at=record.created_at,
    )
    return msgspec.structs.replace(key, **changes)


def kinds(*there: SourceKey, here: tuple[KeyRecord, ...] = (KEY,), extent: Extent = AWS) -> list[Difference]:
    return [each.kind for each in reconcile(there, KnownKeys(here, {}), extent).differences]


def test_two_that_say_the_same_agree() -> None:
    found = reconcile([listed(KEY)], KnownKeys([KEY], {}), AWS)

    assert (found.listed, found.known, found.agreeing, found.differences) == (1, 1, 1, [])


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"external_id": "AKIA2"}, Difference.UNKNOWN_HERE),
        ({"source": "gcp"}, Difference.UNKNOWN_HERE),
        ({"state": KeyState.DISABLED}, Difference.STATE_DIFFERS),
        ({"owner": "somebody"}, Difference.OWNER_DIFFERS),
        ({"created_at": NOW - 10 * DAY + 1}, Difference.CREATION_DIFFERS),
    ],
)
def test_whatever_is_told_differently_is_a_difference(changes: dict[str, object], kind: Difference) -> None:
    extent = Extent(NOW)

    assert kinds(listed(KEY, **changes), extent=extent) == [kind]


@pytest.mark.parametrize(
    "changes", [{"state": None}, {"owner": None}, {"created_at": None}, {"owner": "KALEB"}, {"source": None}]
)
def test_what_a_source_does_not_say_is_no_difference(changes: dict[str, object]) -> None:
    assert kinds(listed(KEY, **changes)) == []


def test_a_key_that_can_be_used_and_is_not_listed_is_gone_there() -> None:
    assert kinds() == [Difference.GONE_THERE]
    assert kinds(here=(aws(state=KeyState.DISABLED),)) == [Difference.GONE_THERE]


@pytest.mark.parametrize(
    ("record", "extent"),
    [
        (aws(state=KeyState.REVOKED), AWS),
        (aws(expires_at=NOW), AWS),
        (aws(kind=KeyKind.TEMPORARY), AWS),
        (minted(), AWS),
        (aws(created_at=NOW + 1), AWS),
        (aws(account="2"), Extent(NOW, frozenset({"aws"}), frozenset({"1"}))),
        (aws(account=None), Extent(NOW, frozenset({"aws"}), frozenset({"1"}))),
        (aws(owner="zoe"), Extent(NOW, frozenset({"aws"}), owners=frozenset({"kaleb"}))),
        (aws(), Extent(NOW)),
    ],
    ids=["revoked", "expired", "temporary", "minted", "later", "account", "unknown", "owner", "partial"],
)
def test_a_key_that_need_not_be_listed_is_not_gone(record: KeyRecord, extent: Extent) -> None:
    assert kinds(here=(record,), extent=extent) == []


def test_a_key_of_ours_is_listed_by_its_id() -> None:
    ours = minted()
    extent = Extent(NOW, sources=frozenset({"keyledger"}))

    assert kinds(listed(ours), here=(ours,), extent=extent) == []
    assert kinds(here=(ours,), extent=extent) == [Difference.GONE_THERE]


@pytest.mark.parametrize("over", ["revoked", "expired"])
def test_revoked_and_expired_are_over_on_both_sides(over: str) -> None:
    ended = aws(external_id="AKIA1", **OVER[over])

    assert kinds(listed(ended, state=KeyState.REVOKED), here=(ended,)) == []
    assert kinds(listed(ended, state=KeyState.ACTIVE), here=(ended,)) == [Difference.STATE_DIFFERS]


def test_a_key_is_known_by_another_name_of_it() -> None:
    alias = bytes(16)
    known = KnownKeys([KEY], {alias: KEY.id})

    assert reconcile([listed(KEY, external_id=SLOT, key_id=alias)], known, AWS).differences == []


def test_a_slot_and_an_access_key_of_one_owner_and_moment_are_one_key() -> None:
    slot = aws(external_id=SLOT)

    assert kinds(listed(KEY, key_id=bytes(16)), here=(slot,)) == []
    assert kinds(listed(slot, key_id=bytes(16))) == []
    assert kinds(listed(KEY, key_id=bytes(16), created_at=NOW), here=(slot,)) == [
        Difference.UNKNOWN_HERE,
        Difference.GONE_THERE,
    ]


def test_two_access_keys_of_one_owner_and_moment_are_two() -> None:
    other = aws(external_id="AKIA2")

    assert kinds(listed(KEY, external_id="AKIA3", key_id=bytes(16)), listed(other), here=(other,)) == [
        Difference.UNKNOWN_HERE
    ]


def test_of_keys_that_followed_each_other_in_a_slot_the_present_one_is_meant() -> None:
    old = aws(id=bytes(16), external_id=SLOT, state=KeyState.REVOKED, created_at=NOW - 90 * DAY)
    new = aws(external_id=SLOT)

    assert kinds(listed(new), here=(old, new)) == []


def test_the_worst_comes_first_and_then_the_name() -> None:
    here = (aws(external_id="B"), aws(external_id="A"), aws(external_id="C"))
    there = (listed(here[2], owner="zoe", state=KeyState.DISABLED), listed(KEY, external_id="Z"))

    found = reconcile(there, KnownKeys(here, {}), AWS)

    assert [(each.kind, each.here and each.here.name) for each in found.differences] == [
        (Difference.UNKNOWN_HERE, None),
        (Difference.GONE_THERE, "A"),
        (Difference.GONE_THERE, "B"),
        (Difference.STATE_DIFFERS, "C"),
        (Difference.OWNER_DIFFERS, "C"),
    ]
