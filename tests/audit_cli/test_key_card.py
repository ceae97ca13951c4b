"""What `key show` and `key history` tell, where it is more than a key's first day."""

import msgspec
import pytest

from audit_cli.event_wording import describe
from audit_cli.key_card import card
from audit_cli.key_history import told
from ledger.events import DenialReason, Event, KeyKind, KeyState
from ledger.moments import parse_moment
from projections.key_record import CallerUse, Denial, KeyRecord
from projections.people import People
from tests.golden.samples import BARE, FULL

NOW = parse_moment("2024-06-30T12:00:00Z")
CREATED = parse_moment("2024-01-01T09:30:00Z")
DAY = 86_400_000_000
HOUR = DAY // 24


def use(caller: str | None, at: int, count: int = 3, errors: int = 1) -> CallerUse:
    return CallerUse("payments", caller, count, errors, CREATED, at, 5, 9)


def busy() -> KeyRecord:
    return KeyRecord(
        id=bytes(range(16)),
        name="billing-worker",
        kind=KeyKind.LONG_LIVED,
        source="keyledger",
        state=KeyState.REVOKED,
        known_since=CREATED,
        masked="kl_1a2B...9zY8",
        owner="bob@example.com",
        owner_departed_at=NOW - DAY,
        scopes=("pay", "read"),
        created_at=CREATED,
        created_by="ada@example.com",
        expires_at=NOW + 30 * DAY,
        revoked_at=NOW - DAY,
        rotated_at=NOW - 9 * DAY,
        overlap_ends_at=NOW - 2 * DAY,
        successor_id=bytes(range(1, 17)),
        first_used_at=CREATED,
        last_used_at=NOW - 30 * 60_000_000,
        use_count=1203,
        error_count=1,
        uses=(use("web-1", NOW - 3 * HOUR, 1200), use(None, NOW - 30 * 60_000_000)),
        denials=(Denial(DenialReason.REVOKED, "payments", None, 7, NOW - DAY, NOW - 10_000_000, 11),),
    )


def test_a_card_tells_the_facts_the_uses_and_the_refusals() -> None:
    assert card(busy(), [], NOW) == (
        "Key        billing-worker\n"
        "Id         00010203-0405-0607-0809-0a0b0c0d0e0f\n"
        "State      revoked since 2024-06-29T12:00:00Z (1 day ago)\n"
        "Secret     kl_1a2B...9zY8\n"
        "Owner      bob@example.com (no longer a member)\n"
        "Created    2024-01-01T09:30:00Z (181 days ago) by ada@example.com\n"
        "Expires    2024-07-30T12:00:00Z (in 30 days)\n"
        "Scopes     pay, read\n"
        "Rotated    2024-06-21T12:00:00Z (9 days ago): the successor is 01020304, this\n"
        "           one worked until 2024-06-28T12:00:00Z\n"
        "Last used  2024-06-30T11:30:00Z (30 minutes ago)\n"
        "Uses       1,203, 1 error, the first 2024-01-01T09:30:00Z\n"
        "\n"
        "Used by    Service      Uses    Errors  Last\n"
        "---------  ---------  ------  --------  --------------\n"
        "unknown    payments        3         1  30 minutes ago\n"
        "web-1      payments     1200         1  3 hours ago\n"
        "\n"
        "Refused to    Service    Being      Times  Last\n"
        "------------  ---------  -------  -------  --------\n"
        "unknown       payments   revoked        7  just now\n"
    )


def test_what_is_unknown_of_an_outside_key_is_called_so() -> None:
    outside = KeyRecord(
        id=bytes(16),
        name="AKIAIOSFODNN7EXAMPLE",
        kind=KeyKind.LONG_LIVED,
        source="aws",
        external_id="AKIAIOSFODNN7EXAMPLE",
        account="123456789012",
        state=KeyState.ACTIVE,
        known_since=CREATED,
        use_count=None,
    )

    text = card(outside, [], NOW)

    assert "Origin     aws AKIAIOSFODNN7EXAMPLE\n" in text
    assert "Owner      nobody\n" in text
    assert "Created    unknown, first seen 2024-01-01T09:30:00Z (181 days ago)\n" in text
    assert "Last used  no data\n" in text
    assert "Uses       an unknown number\n" in text
    assert "Expires" not in text


def test_of_very_many_callers_the_latest_are_shown() -> None:
    many = tuple(use(f"web-{number}", NOW - number * HOUR) for number in range(25))

    text = card(msgspec.structs.replace(busy(), uses=many), [], NOW)

    assert "web-19 " in text
    assert "web-20 " not in text
    assert "and 5 more\n" in text


@pytest.mark.parametrize("event", [*FULL, *BARE])
def test_every_event_has_a_line(event: Event) -> None:
    assert describe(event, People([]))


def test_what_sources_said_is_told_with_who_imported_it() -> None:
    told = {event.topic: describe(event, People([])) for event in FULL}

    assert told["key-observed/1"] == (
        "cloudtrail: state disabled, created 2024-05-30T12:00:00Z,"
        " owner arn:aws:iam::123456789012:user/zoe (imported by 20212223)"
    )
    assert told["key-usage-summarized/1"] == (
        "credential report: last used 2024-05-31T12:00:00Z (s3) (imported by 20212223)"
    )
    assert told["key-linked/1"] == "keyledger: 50515253 is the same key"


@pytest.mark.parametrize(
    ("caller", "line"),
    [
        (use("web-1", NOW, 3, 0), "used by web-1 (payments): 3 uses until 2024-06-30T12:00:00Z"),
        (use("web-1", CREATED, 3, 2), "used by web-1 (payments): 3 uses, 2 errors"),
        (use("web-1", CREATED, 1, 1), "used by web-1 (payments): 1 use, 1 error"),
        (use("web-1", CREATED, 1, 0), "used by web-1 (payments)"),
    ],
)
def test_a_history_says_of_uses_their_errors_and_an_end_apart_from_the_beginning(
    caller: CallerUse, line: str
) -> None:
    record = msgspec.structs.replace(busy(), uses=(caller,))

    text = told(record, [], People([]))

    assert " ".join(text.split()).endswith(f"Z {line}")
