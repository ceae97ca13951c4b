"""What Prowler 5.46's two checks of access keys miss, told by a credential report and found here exactly.

It reports the first key as aged and none as unused: it asks only users with a password for unused keys, and
counts whole days, so that 45 days and 5 hours are not more than 45.
"""

import csv
import io

import pytest

from ledger.moments import format_moment, parse_moment
from tests.door import Door

AS_OF = parse_moment("2026-01-01T00:00:00Z")
SECOND = 1_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR

# For each user the age of the key and how long it has been idle; None was never used.
KEYS: dict[str, tuple[int, int | None]] = {
    "never-in-200-days": (200 * DAY, None),
    "never-in-10-days": (10 * DAY, None),
    "never-in-7-days": (7 * DAY, None),
    "never-in-almost-7-days": (7 * DAY - SECOND, None),
    "idle-45-days-5-hours": (80 * DAY, 45 * DAY + 5 * HOUR),
    "idle-45-days": (80 * DAY, 45 * DAY),
    "idle-almost-45-days": (80 * DAY, 45 * DAY - SECOND),
    "aged-90-days-5-hours": (90 * DAY + 5 * HOUR, HOUR),
    "aged-90-days": (90 * DAY, HOUR),
    "aged-almost-90-days": (90 * DAY - SECOND, HOUR),
}


SLOT = ("active", "last_rotated", "last_used_date", "last_used_service")


def credential_report() -> str:
    """A report of users without a password."""
    slots = [f"access_key_{number}_{what}" for number in (1, 2) for what in SLOT]
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["user", "arn", "password_enabled", *slots])
    for user, (age, idle) in KEYS.items():
        used = "N/A" if idle is None else format_moment(AS_OF - idle)
        arn = f"arn:aws:iam::123456789012:user/{user}"
        service = "N/A" if idle is None else "s3"
        key = ["true", format_moment(AS_OF - age), used, service]
        table.writerow([user, arn, "false", *key, "false", "N/A", "N/A", "N/A"])
    return text.getvalue()


def found(door: Door, *options: str) -> dict[str, set[str]]:
    """The users whose keys each rule flags."""
    asked = ("audit", "--as-of", format_moment(AS_OF), "--fail-on", "none", "--format", "json")
    by_rule: dict[str, set[str]] = {}
    for finding in door.well(*asked, *options).json["findings"]:
        by_rule.setdefault(finding["rule"], set()).add(finding["external_id"].split("/")[1])
    return by_rule


@pytest.fixture
def reported(keyledger: Door) -> Door:
    """Give a ledger that knows the report, which AWS made at the moment of the audit."""
    generated = ("--generated-at", format_moment(AS_OF))
    keyledger.well("import", "iam-credential-report", "-", *generated, stdin=credential_report())
    return keyledger


def test_each_key_is_reported_under_the_rule_that_it_breaks(reported: Door) -> None:
    assert found(reported) == {
        "never-used-key": {"never-in-200-days", "never-in-10-days", "never-in-7-days"},
        "unused-key": {"idle-45-days-5-hours", "idle-45-days"},
        "aged-key": {"never-in-200-days", "aged-90-days-5-hours", "aged-90-days"},
    }


def test_the_policys_grace_decides_about_a_new_key(reported: Door) -> None:
    never_used = found(reported, "--never-used-grace", "11d")["never-used-key"]

    assert never_used == {"never-in-200-days"}
