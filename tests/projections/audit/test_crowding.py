"""The count of each user's active keys, on which CIS AWS 1.13 depends."""

import pytest

from projections.audit.crowding import Crowding, crowding
from projections.key_record import KeyRecord
from tests.projections.audit.records import NOW, OVER, aws, minted

ACCOUNT, OTHER = "111122223333", "444455556666"
SLOT = f"arn:aws:iam::{ACCOUNT}:user/kaleb"


def counted(*records: KeyRecord) -> Crowding:
    return crowding(records, NOW, 1)


def key(number: int, **changes: object) -> KeyRecord:
    return aws(external_id=f"AKIA{number}", **changes)


def test_one_active_key_of_each_user_is_not_too_many() -> None:
    found = counted(
        key(1), key(2, owner="bob"), minted(), key(3, **OVER["disabled"]), key(4, **OVER["revoked"])
    )

    assert (found.failures, found.gaps, found.keys) == ([], [], [])
    assert (found.counted.users, found.counted.over) == (3, 0)


def test_two_active_keys_of_a_user_are_too_many() -> None:
    found = counted(key(1), key(2, owner="Kaleb"), key(3, owner="bob"))

    assert (found.failures, found.gaps) == (["kaleb: more than 1 active key"], [])
    assert sorted(record.name for record in found.keys) == ["AKIA1", "AKIA2"]


@pytest.mark.parametrize("over", ["expired", "disabled", "revoked", "temporary"])
def test_a_key_that_opens_nothing_for_long_does_not_count(over: str) -> None:
    assert counted(key(1), key(2, **OVER[over])).failures == []


def test_both_slots_of_a_credential_report_are_two_keys() -> None:
    slots = (aws(external_id=f"{SLOT}/{number}", account=ACCOUNT) for number in (1, 2))

    assert counted(*slots).failures == ["kaleb: more than 1 active key"]


def test_a_slot_and_an_id_may_be_one_key_so_nobody_can_say() -> None:
    found = counted(key(1), aws(external_id=f"{SLOT}/1", account=ACCOUNT))

    assert found.failures == []
    assert found.gaps == ["kaleb: two names may be of one key; import `aws iam list-access-keys`"]


def test_users_of_one_name_in_two_accounts_are_two() -> None:
    found = counted(key(1, account=ACCOUNT), key(2, account=OTHER))

    assert (found.failures, found.gaps, found.counted.users) == ([], [], 2)


def test_where_one_account_is_known_the_other_keys_of_the_name_are_of_it() -> None:
    assert counted(key(1, account=ACCOUNT), key(2)).failures == ["kaleb: more than 1 active key"]


def test_where_nobody_knows_of_which_account_a_key_is_nobody_can_say() -> None:
    found = counted(key(1, account=ACCOUNT), key(2, account=OTHER), key(3), key(4))

    assert found.failures == []
    assert found.gaps == ["kaleb: the account of some keys is not known"]


def test_of_logs_alone_nobody_can_say_that_there_is_no_other_key() -> None:
    found = counted(key(1, inventory_position=None))

    assert found.gaps == ["kaleb: logs alone tell of these keys, and of none that is not used"]
    assert counted(key(1, inventory_position=None), key(2)).failures == ["kaleb: more than 1 active key"]


def test_keys_of_nobody_are_counted_for_nobody() -> None:
    assert counted(key(1, owner=None), key(2, owner=None)).gaps == ["2 active keys: nobody tells whose"]
