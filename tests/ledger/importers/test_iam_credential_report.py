import base64
import csv
import gzip
import io
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeAlias

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.errors import InvalidInput
from ledger.events import KeyState
from ledger.importers import credential_report_file
from ledger.importers.credential_report_file import load_credential_report
from ledger.importers.iam_credential_report import (
    TRACKING_STARTED_AT,
    ReportItem,
    assumed_generation,
    read_credential_report,
)
from ledger.moments import format_moment, parse_moment
from ledger.observation import ExternalKey, Observation, UsageSummary, is_slot
from ledger.usage import Doubt, Refusal

NOW = parse_moment("2026-01-01")
GENERATED = "2024-05-31T12:00:00Z"
ARN = "arn:aws:iam::123456789012:user/team/bob"

EMPTY_SLOT = {"active": "false", "last_rotated": "N/A", "last_used_date": "N/A", "last_used_service": "N/A"}
DAY = 86_400_000_000


def row(
    slot_1: dict[str, str] | None = None, slot_2: dict[str, str] | None = None, **fields: str
) -> dict[str, str]:
    cells = {"user": "bob", "arn": ARN, "user_creation_time": "2020-01-01T00:00:00+00:00"}
    for number, slot in ((1, slot_1), (2, slot_2)):
        for name, text in (EMPTY_SLOT | (slot or {})).items():
            cells[f"access_key_{number}_{name}"] = text
    return (
        cells | {"password_next_rotation": "2025-01-01T00:00:00+00:00", "cert_1_last_rotated": "N/A"} | fields
    )


def active(**cells: str) -> dict[str, str]:
    return {"active": "true", "last_rotated": "2023-01-01T10:00:30+00:00"} | cells


def csv_of(*rows: dict[str, str]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., list[ReportItem]]:
    def read_content(content: bytes, generated_at: str | None = GENERATED) -> list[ReportItem]:
        file = tmp_path / "report"
        file.write_bytes(content)
        moment = parse_moment(generated_at) if generated_at else None
        return list(read_credential_report(file, moment, NOW))

    return read_content


Read: TypeAlias = Callable[..., list[ReportItem]]


def observations(items: Iterable[ReportItem]) -> list[Observation]:
    return [item for item in items if isinstance(item, Observation)]


def summaries(items: Iterable[ReportItem]) -> list[UsageSummary]:
    return [item for item in items if isinstance(item, UsageSummary)]


def refusals(items: Iterable[ReportItem]) -> list[Refusal]:
    return [item for item in items if isinstance(item, Refusal)]


def test_the_real_report_holds_the_keys_that_its_description_counts(real_data: Path) -> None:
    # given
    at = parse_moment("2016-11-25T14:30:42Z")

    # when
    items = list(read_credential_report(real_data / "iam-credential-reports" / "unused_keys.csv", at, NOW))

    # then
    created = {seen.key: seen.created_at for seen in observations(items) if seen.state is KeyState.ACTIVE}
    last_used = {told.key: told.last_used_at for told in summaries(items) if told.key in created}
    never_used = [key for key, moment in last_used.items() if moment is None]
    assert (len(observations(items)), len(summaries(items)), refusals(items)) == (9, 9, [])
    assert len(created) == 8
    assert len(never_used) == 4
    assert sum((created[key] or 0) < TRACKING_STARTED_AT for key in never_used) == 2
    assert sum(moment < at - 90 * DAY for moment in last_used.values() if moment is not None) == 1
    assert sum(moment < at - 90 * DAY for moment in created.values() if moment is not None) == 6


def test_the_real_report_with_a_rotation_in_the_future_loses_nothing(real_data: Path) -> None:
    # given
    report = real_data / "iam-credential-reports" / "noop.csv"
    doubts: list[Doubt] = []

    # when
    items = list(read_credential_report(report, None, NOW, doubts.append))

    # then
    at = "2020-12-22T03:06:09Z"
    seen = [(item.key.external_id[-7:], item.state, item.created_at) for item in observations(items)]
    assert seen == [
        ("test1/1", KeyState.DISABLED, parse_moment("2020-02-03T09:50:07Z")),
        ("test1/2", KeyState.ACTIVE, None),
    ]
    assert {format_moment(item.occurred_at) for item in observations(items)} == {at}
    assert refusals(items) == []
    assert doubts == [
        Doubt(
            "line 3",
            f"access_key_2_last_rotated: 2099-02-03T09:50:21Z is after the report itself ({at});"
            " the key is kept, its creation counts as unknown",
        )
    ]


def test_a_slot_with_a_date_is_a_key_with_its_state_and_a_summary_of_its_use(read: Read) -> None:
    # given
    used = {"last_used_date": "2024-05-01T08:15:00+00:00", "last_used_service": "s3"}

    # when
    items = read(csv_of(row(active(**used))))

    # then
    key = ExternalKey("aws", f"{ARN}/1", account="123456789012", generation="2023-01-01T10:00:30Z")
    assert is_slot(key.external_id)
    assert items == [
        Observation(
            key=key,
            occurred_at=parse_moment(GENERATED),
            reporter="iam-credential-report",
            state=KeyState.ACTIVE,
            created_at=parse_moment("2023-01-01T10:00:30Z"),
            owner="bob",
            where="line 2",
        ),
        UsageSummary(
            key=key,
            occurred_at=parse_moment(GENERATED),
            reporter="iam-credential-report",
            covers_from=parse_moment("2015-04-22T00:00:00Z"),
            covers_to=parse_moment(GENERATED),
            last_used_at=parse_moment("2024-05-01T08:15:00Z"),
            service="s3",
            where="line 2",
        ),
    ]


@pytest.mark.parametrize(
    ("written", "state"),
    [
        ("true", KeyState.ACTIVE),
        ("TRUE", KeyState.ACTIVE),
        ("false", KeyState.DISABLED),
        (" False ", KeyState.DISABLED),
    ],
)
def test_the_state_is_read_in_any_case(read: Read, written: str, state: KeyState) -> None:
    assert [seen.state for seen in observations(read(csv_of(row(active(active=written)))))] == [state]


@pytest.mark.parametrize("nothing", ["N/A", "no_information", "not_supported", ""])
def test_what_aws_does_not_say_is_unknown(read: Read, nothing: str) -> None:
    # given
    unused = {"last_used_date": nothing, "last_used_service": nothing}

    # when
    (told,) = summaries(read(csv_of(row(active(**unused), {"last_rotated": nothing}))))

    # then
    assert (told.last_used_at, told.service) == (None, None)


def test_another_rotation_date_in_the_same_slot_is_another_key(read: Read) -> None:
    # given
    dates = ["2023-01-01T00:00:00+00:00", "2023-01-01T01:00:00+01:00", "2023-06-01T00:00:00+00:00"]

    # when
    keys = [observations(read(csv_of(row(active(last_rotated=date)))))[0].key for date in dates]

    # then
    assert keys[0] == keys[1] != keys[2]


@pytest.mark.parametrize(
    ("used", "told"),
    [
        ("2023-01-01T10:00:00+00:00", "2023-01-01T10:00:30Z"),
        ("2023-01-01T09:59:31+00:00", "2023-01-01T10:00:30Z"),
        ("2023-01-01T10:00:30+00:00", "2023-01-01T10:00:30Z"),
        ("2023-01-01T10:01:00+00:00", "2023-01-01T10:01:00Z"),
        ("2023-01-01T09:59:30+00:00", "2023-01-01T09:59:30Z"),
        ("2024-05-31T12:00:59+00:00", GENERATED),
    ],
)
def test_a_use_told_to_the_minute_comes_neither_before_the_key_nor_after_the_report(
    read: Read, used: str, told: str
) -> None:
    assert [item.last_used_at for item in summaries(read(csv_of(row(active(last_used_date=used)))))] == [
        parse_moment(told)
    ]


def test_a_use_after_the_report_is_refused_and_the_key_kept(read: Read) -> None:
    # when
    items = read(csv_of(row(active(last_used_date="2024-05-31T12:01:00+00:00"))))

    # then
    assert [type(item) for item in items] == [Observation, Refusal]
    assert refusals(items)[0].reason == (
        "access_key_1_last_used_date: 2024-05-31T12:01:00Z is after the report itself"
        " (2024-05-31T12:00:00Z); say when the report was generated"
    )


def test_a_report_older_than_the_tracking_says_nothing_of_use(read: Read) -> None:
    # when
    items = read(csv_of(row(active(last_rotated="2014-01-01T00:00:00+00:00"))), "2015-01-01")

    # then
    assert [type(item) for item in items] == [Observation]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (row(active(last_rotated="x")), "access_key_1_last_rotated: 'x' is not a time"),
        (row(active(active="maybe")), "access_key_1_active: 'maybe' is neither true nor false"),
        (row(active(last_rotated="N/A")), "access_key_1 is active but has no rotation date to know it by"),
        (row(active(), arn="bob"), "arn: 'bob' is not the ARN of a user"),
    ],
)
def test_a_bad_slot_is_refused_with_its_line_and_the_rest_goes_on(
    read: Read, bad: dict[str, str], reason: str
) -> None:
    # when
    items = read(csv_of(bad, row(None, active())))

    # then
    assert [(item.where, item.reason[: len(reason)]) for item in refusals(items)] == [("line 2", reason)]
    assert [(item.where, item.key.external_id) for item in observations(items)] == [("line 3", f"{ARN}/2")]


def test_one_bad_slot_leaves_the_other_of_the_user(read: Read) -> None:
    items = read(csv_of(row(active(last_rotated="x"), active())))
    assert [item.key.external_id for item in observations(items)] == [f"{ARN}/2"]


def test_a_row_of_another_width_is_refused_with_its_line(read: Read) -> None:
    # given
    header, good = csv_of(row(active())).splitlines()

    # when
    items = read(b"\r\n".join([header, b"bob,arn", b"", good]))

    # then
    width = len(row())
    assert refusals(items) == [Refusal("line 2", f"2 columns instead of {width}; is the line damaged?")]
    assert [item.where for item in observations(items)] == ["line 4"]


def test_the_packing_of_the_file_does_not_matter(read: Read) -> None:
    # given
    plain = csv_of(row(active()))
    answer = {
        "Content": base64.b64encode(plain).decode(),
        "ReportFormat": "text/csv",
        "GeneratedTime": GENERATED,
    }

    # then
    assert read(b"\xef\xbb\xbf" + plain) == read(plain)
    assert read(gzip.compress(plain)) == read(plain)
    assert read(json.dumps(answer, indent=2).encode(), None) == read(plain)
    assert read(json.dumps(answer | {"GeneratedTime": None}).encode()) == read(plain)


def test_the_moment_given_counts_more_than_the_moment_in_the_file(read: Read) -> None:
    # given
    plain = csv_of(row(active()))
    answer = {"Content": base64.b64encode(plain).decode(), "GeneratedTime": "2020-01-01T00:00:00Z"}

    # then
    assert read(json.dumps(answer).encode(), GENERATED) == read(plain, GENERATED)


def test_without_a_moment_the_report_is_as_old_as_its_newest_past_date(tmp_path: Path) -> None:
    # given: a next rotation and a slot's date that are both later than what was generated
    file = tmp_path / "report"
    used = active(last_used_date="2024-03-01T00:00:00+00:00")
    file.write_bytes(csv_of(row(used, active(last_rotated="2099-01-01T00:00:00+00:00"))))

    # then
    report = load_credential_report(file)
    assert report.generated_at is None
    assert assumed_generation(report, NOW) == parse_moment("2024-03-01")
    assert assumed_generation(report, parse_moment("2024-02-01")) == parse_moment("2023-01-01T10:00:30Z")


def test_a_report_without_any_date_needs_to_be_told_its_moment(read: Read) -> None:
    # given
    undated = csv_of(row(user_creation_time="N/A"))

    # then
    assert read(undated) == []
    with pytest.raises(InvalidInput, match="holds no date to go by; say when it was generated"):
        read(undated, None)


def test_a_report_of_the_future_is_refused(read: Read) -> None:
    with pytest.raises(InvalidInput, match="a report of 2027-01-01T00:00:00Z is in the future"):
        read(csv_of(row()), "2027-01-01")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "its first line does not name the column user"),
        (b"user,arn\nbob,arn\n", "its first line does not name the column access_key_1_active"),
        (b"\xff\xfe\x00", "it is not UTF-8 text"),
        (b'{"Records": []}', "it is JSON, but not the answer that holds a report"),
        (b'{"Content": "?"}', "it is JSON, but not the answer that holds a report"),
        (b'{"Content": ' + b"[" * 100_000, "it is JSON, but not the answer that holds a report"),
        (b'{"Content": "", "GeneratedTime": "now"}', "GeneratedTime: 'now' is not a time"),
        (b"x" * 200_000, "line 1 is not CSV"),
        (gzip.compress(b"user,arn", mtime=0)[:-9], "the gzip file is cut short; fetch it again"),
    ],
)
def test_a_file_that_is_no_report_is_refused_in_one_line(read: Read, content: bytes, reason: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read(content)
    assert reason in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_path_without_a_readable_file_is_refused(tmp_path: Path) -> None:
    for path, reason in ((tmp_path, "Is a directory"), (tmp_path / "gone", "No such file or directory")):
        with pytest.raises(InvalidInput, match=reason):
            read_credential_report(path, None, NOW)


def test_a_file_beyond_all_bounds_is_refused(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credential_report_file, "MAX_REPORT", 10)
    with pytest.raises(InvalidInput, match="it is larger than 10 bytes"):
        read(csv_of(row()))


CELLS = st.text(max_size=12) | st.sampled_from(
    ["N/A", "true", "2023-01-01T00:00:00+00:00", ARN, "9999-12-31"]
)


@given(rows=st.lists(st.lists(CELLS, min_size=len(row()), max_size=len(row()))), tail=st.binary(max_size=9))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_content_whatever_ends_in_a_traceback(read: Read, rows: list[list[str]], tail: bytes) -> None:
    # given
    content = csv_of(row(), *(dict(zip(row(), cells, strict=True)) for cells in rows)) + tail

    # then
    try:
        items = read(content)
    except InvalidInput:
        return
    assert all(item.occurred_at == parse_moment(GENERATED) for item in observations(items))
