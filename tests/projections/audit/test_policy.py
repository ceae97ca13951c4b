from datetime import timedelta
from typing import Any

import pytest

from ledger.errors import InvalidInput
from projections.audit.policy import Policy


def test_the_default_policy_is_pinned() -> None:
    assert Policy().canonical() == {
        "unused_for": "45d",
        "max_age": "90d",
        "never_used_grace": "7d",
        "shared_callers": 2,
        "shared_addresses": 5,
        "shared_within": "30d",
        "denied_attempts": 1,
        "denied_within": "30d",
        "coverage_tolerance": "2d",
        "assume_coverage": True,
    }
    assert Policy().sha256() == "926813216d4276ef0e605aed667f0f8de4a02bcc0381c37b4fe0f649246794e8"


@pytest.mark.parametrize(
    "change",
    [
        {"unused_for": timedelta(days=45, seconds=1)},
        {"shared_callers": 3},
        {"assume_coverage": False},
    ],
    ids=str,
)
def test_any_other_policy_has_another_hash(change: dict[str, Any]) -> None:
    assert Policy(**change).sha256() != Policy().sha256()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"unused_for": timedelta(seconds=-1)}, "unused_for is negative"),
        ({"coverage_tolerance": timedelta(days=-2)}, "coverage_tolerance is negative"),
        ({"max_age": timedelta(microseconds=1)}, "max_age has a fraction of a second"),
        ({"shared_callers": 1}, "shared_callers is 1; the least that makes sense is 2"),
        ({"shared_addresses": 0}, "shared_addresses is 0"),
        ({"denied_attempts": 0}, "denied_attempts is 0"),
    ],
    ids=str,
)
def test_an_impossible_threshold_is_refused_in_one_line(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message) as refusal:
        Policy(**change)
    assert "\n" not in str(refusal.value)


def test_a_threshold_of_zero_is_allowed() -> None:
    assert Policy(never_used_grace=timedelta()).canonical()["never_used_grace"] == "0s"
