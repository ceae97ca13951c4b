import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.errors import InvalidInput
from ledger.events import KeyKind, KeyState
from ledger.importers import answers
from ledger.importers.iam_access_keys import AccessKeyItem, read_access_keys
from ledger.importers.iam_credential_report import read_credential_report
from ledger.moments import parse_moment
from ledger.observation import ExternalKey, Observation, linkage
from ledger.usage import Doubt, Refusal

NOW = parse_moment("2026-01-01")
CREATED = "2024-05-31T12:00:00+00:00"
PARTS = {"__class__": "datetime", "year": 2024, "month": 5, "day": 31, "hour": 12, "minute": 0, "second": 0}
HEADERS = {"HTTPHeaders": {"date": "Sat, 01 Jun 2024 00:00:00 GMT"}}

KeyDict: TypeAlias = dict[str, Any]


def key(**fields: object) -> KeyDict:
    return {"UserName": "bob", "AccessKeyId": "AKIA1", "Status": "Active", "CreateDate": CREATED} | fields


def answer(*keys: object, **fields: object) -> KeyDict:
    return {"AccessKeyMetadata": list(keys)} | fields


Read: TypeAlias = Callable[[object], list[AccessKeyItem]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def read_document(document: object) -> list[AccessKeyItem]:
        file = tmp_path / "answer"
        file.write_bytes(document if isinstance(document, bytes) else json.dumps(document).encode())
        return list(read_access_keys([file], NOW))

    return read_document


OBSERVED = Observation(
    key=ExternalKey("aws", "AKIA1", KeyKind.LONG_LIVED),
    occurred_at=parse_moment("2024-06-01"),
    reporter="iam-access-keys",
    state=KeyState.ACTIVE,
    created_at=parse_moment(CREATED),
    owner="bob",
    where="answer",
)


def test_the_real_answers_give_every_key_and_one_line_for_each_impossible_date(real_data: Path) -> None:
    # given
    doubts: list[Doubt] = []

    # when
    items = list(read_access_keys([real_data / "iam-access-keys"], NOW, doubts.append))

    # then
    assert sum(isinstance(item, Observation) for item in items) == len(items) == 18
    assert [doubt.reason.split(" is after")[0] for doubt in doubts] == [
        "CreateDate of AKIAJRLD3ESRQSWUHEGG: 2017-05-08T19:36:32Z",
        "CreateDate of AKIAY5Y4D45RLQZNWRQL: 2099-02-03T09:50:21Z",
        "CreateDate of AKIAIFX6HPKAM5F7JVAA: 2099-08-10T11:12:31Z",
    ]


def test_a_real_answer_shares_owner_and_creation_with_the_slot_of_the_real_report(real_data: Path) -> None:
    # given
    answered = read_access_keys([real_data / "iam-access-keys"], NOW)
    reported = read_credential_report(real_data / "iam-credential-reports" / "noop.csv", None, NOW)

    # then
    keys = {linkage(item.owner, item.created_at): item for item in answered if isinstance(item, Observation)}
    slots = {linkage(item.owner, item.created_at): item for item in reported if isinstance(item, Observation)}
    (link,) = (keys.keys() & slots.keys()) - {None}
    assert keys[link].key.external_id == "AKIAY5Y4D45RM747RB4P"
    assert slots[link].key.external_id == "arn:aws:iam::644160558196:user/test1/1"


@pytest.mark.parametrize(
    "document",
    [
        answer(key(), ResponseMetadata=HEADERS),
        answer(
            key(CreateDate=PARTS),
            ResponseMetadata={"HTTPHeaders": {"Date": "Sat, 01 Jun 2024 00:00:00 -0000"}},
        ),
        {
            "status_code": 200,
            "data": answer(key(CreateDate=PARTS | {"microsecond": 0}), ResponseMetadata=HEADERS),
        },
    ],
    ids=["command line", "library", "recorded"],
)
def test_every_shape_of_an_answer_says_the_same(read: Read, document: object) -> None:
    assert read(document) == [OBSERVED]
    assert read(b"\xef\xbb\xbf" + json.dumps(document).encode()) == [OBSERVED]


def test_an_inactive_key_is_disabled_and_what_is_not_told_is_unknown(read: Read) -> None:
    # given
    bare = {"AccessKeyId": "ASIA1"}

    # when
    inactive, unknown = read(answer(key(Status="Inactive"), bare, ResponseMetadata=HEADERS))

    # then
    assert isinstance(inactive, Observation)
    assert isinstance(unknown, Observation)
    assert inactive.state is KeyState.DISABLED
    assert unknown.key.kind is KeyKind.TEMPORARY
    assert (unknown.state, unknown.created_at, unknown.owner) == (None, None, None)


@pytest.mark.parametrize(
    "metadata", [{}, {"ResponseMetadata": {}}, {"ResponseMetadata": {"HTTPHeaders": {}}}]
)
def test_an_answer_without_a_date_is_as_old_as_its_newest_past_creation(
    read: Read, metadata: KeyDict
) -> None:
    # given
    older = key(AccessKeyId="AKIA2", CreateDate="2020-01-01T00:00:00Z")
    future = key(AccessKeyId="AKIA3", CreateDate="2099-01-01T00:00:00Z")

    # when
    items = read(answer(older, key(), future, **metadata))

    # then
    seen = [(item.key.external_id, item.occurred_at) for item in items if isinstance(item, Observation)]
    assert seen == [(f"AKIA{number}", parse_moment(CREATED)) for number in (2, 1, 3)]


def test_a_creation_after_the_answer_is_unknown_and_told(tmp_path: Path) -> None:
    # given
    file = tmp_path / "answer"
    file.write_text(json.dumps(answer(key(CreateDate="2099-01-01T00:00:00Z"), ResponseMetadata=HEADERS)))
    doubts: list[Doubt] = []

    # when
    (observed,) = read_access_keys([file], NOW, doubts.append)

    # then
    assert isinstance(observed, Observation)
    assert observed.created_at is None
    assert doubts == [
        Doubt(
            "answer",
            "CreateDate of AKIA1: 2099-01-01T00:00:00Z is after the answer itself (2024-06-01T00:00:00Z);"
            " the key is kept, its creation counts as unknown",
        )
    ]


def test_a_user_without_keys_says_nothing(read: Read) -> None:
    assert read(answer()) == []


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (key(AccessKeyId=""), "'': '' is no access key id"),
        (key(AccessKeyId="A" * 129), f"'{'A' * 40}...': '{'A' * 40}...' is no access key id"),
        (key(Status="Lost"), "'AKIA1': Status 'Lost' is neither Active nor Inactive"),
        (key(CreateDate="x"), "'AKIA1': CreateDate: 'x' is not a time"),
        (
            key(CreateDate=PARTS | {"month": 13}),
            "'AKIA1': CreateDate: '2024-13-31T12:00:00.000000Z' is not a time",
        ),
        (
            key(CreateDate=PARTS | {"year": 1900}),
            "'AKIA1': CreateDate: '1900-05-31T12:00:00.000000Z' is outside",
        ),
    ],
)
def test_a_bad_key_is_refused_and_the_others_are_read(read: Read, bad: KeyDict, reason: str) -> None:
    # when
    refusal, observed = read(answer(bad, key(), ResponseMetadata=HEADERS))

    # then
    assert isinstance(refusal, Refusal)
    assert refusal.reason.startswith(reason)
    assert observed == OBSERVED


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (b"nonsense", "is no answer of ListAccessKeys: JSON is malformed"),
        (b"[" * 100_000, "is no answer of ListAccessKeys: Expected `object`, got `array`"),
        (b'{"AccessKeyMetadata": [{}]}', "is no answer of ListAccessKeys: Object missing required field"),
        ({"Records": []}, "is no answer of ListAccessKeys: it has no AccessKeyMetadata"),
        (
            answer(key(CreateDate=None)),
            "holds no date to go by; record the answer anew, with its HTTP headers",
        ),
        (
            answer(key(), ResponseMetadata={"HTTPHeaders": {"date": "soon"}}),
            "date header: 'soon' is not a time",
        ),
        (
            answer(key(), ResponseMetadata={"HTTPHeaders": {"date": "Sat, 01 Jun 2030 00:00:00 GMT"}}),
            "the answer is of 2030-06-01T00:00:00Z, but it is 2026-01-01T00:00:00Z here",
        ),
        (
            answer(key(), ResponseMetadata={"HTTPHeaders": {"date": "Sat, 01 Jun 1960 00:00:00 GMT"}}),
            "the answer is of 1960-06-01T00:00:00Z",
        ),
    ],
)
def test_a_file_that_is_no_dated_answer_is_refused(read: Read, document: object, reason: str) -> None:
    (refusal,) = read(document)
    assert isinstance(refusal, Refusal)
    assert refusal.where == "answer"
    assert refusal.reason.startswith(reason)


def test_one_bad_file_leaves_the_others(tmp_path: Path) -> None:
    # given
    (tmp_path / "a.json").write_bytes(b"nonsense")
    (tmp_path / "answer.json").write_text(json.dumps(answer(key(), ResponseMetadata=HEADERS)))
    (tmp_path / "LICENSE").write_bytes(b"none of it")

    # then
    assert [item.where for item in read_access_keys([tmp_path], NOW)] == ["a.json", "answer.json"]


def test_a_path_that_does_not_exist_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="does not exist"):
        read_access_keys([tmp_path / "gone"], NOW)


def test_a_file_that_may_not_be_read_is_a_refusal(tmp_path: Path) -> None:
    # given
    file = tmp_path / "a.json"
    file.write_bytes(b"{}")
    items = read_access_keys([file], NOW)

    # when
    file.unlink()

    # then
    assert list(items) == [Refusal("a.json", "cannot be read: No such file or directory")]


def test_a_file_beyond_all_bounds_is_refused(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "MAX_ANSWER", 10)
    assert read(answer(key())) == [
        Refusal("answer", "is larger than 10 bytes, so no answer of ListAccessKeys")
    ]


NUMBERS = st.dictionaries(st.sampled_from(["year", "month", "day", "hour"]), st.integers(-99, 99999)).map(
    PARTS.__or__
)
VALUES = (
    st.none()
    | st.text(max_size=9)
    | st.integers()
    | NUMBERS
    | st.sampled_from(["Active", CREATED, "9999-12-31"])
)
KEYS = st.dictionaries(st.sampled_from([*key()]), VALUES).map(lambda fields: key(**fields))
DATES = st.text(max_size=9) | st.sampled_from(
    [
        "Sat, 01 Jun 2024 00:00:00 GMT",
        "Sat, 01 Jun 0000 00:00:00 GMT",
        "Sat, 01 Jun 9999 00:00:00 -9999",
        "1 1 1 1:1",
    ]
)
METADATA = st.none() | st.fixed_dictionaries({"HTTPHeaders": st.fixed_dictionaries({"date": DATES})})


@given(keys=st.lists(KEYS), metadata=METADATA)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_answer_whatever_ends_in_a_traceback(read: Read, keys: list[KeyDict], metadata: object) -> None:
    for item in read(answer(*keys, ResponseMetadata=metadata)):
        assert isinstance(item, Refusal) or 0 <= item.occurred_at <= NOW + 300_000_000
