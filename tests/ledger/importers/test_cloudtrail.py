import gzip
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.errors import InvalidInput
from ledger.events import KeyKind, KeyState
from ledger.importers import cloudtrail
from ledger.importers.cloudtrail import CloudTrailItem, cloudtrail_files, read_cloudtrail
from ledger.importers.files import total_size
from ledger.moments import format_moment, parse_moment
from ledger.observation import Coverage, ExternalKey, Observation
from ledger.usage import MAX_TEXT, Refusal, Use

RecordDict: TypeAlias = dict[str, Any]

AT = "2023-07-10T12:24:29Z"
ACCOUNT = "123837392027"
ACTING = "AKIAACTING"
UNVOUCHED = "; uses may be missing, so this import vouches for no period"


def record(**fields: object) -> RecordDict:
    identity = {
        "type": "IAMUser",
        "arn": f"arn:aws:iam::{ACCOUNT}:user/admin",
        "accountId": ACCOUNT,
        "accessKeyId": ACTING,
        "userName": "admin",
    }
    return {
        "eventTime": AT,
        "eventID": "e-1",
        "eventSource": "s3.amazonaws.com",
        "eventName": "GetObject",
        "recipientAccountId": ACCOUNT,
        "userIdentity": identity,
        "sourceIPAddress": "10.0.0.1",
        "userAgent": "aws-cli/2",
    } | fields


def deletion(**fields: object) -> RecordDict:
    request = {"userName": "bob", "accessKeyId": "AKIASUBJECT"}
    iam = {"eventSource": "iam.amazonaws.com", "eventName": "DeleteAccessKey", "requestParameters": request}
    return record(**(iam | fields))


def update(status: str) -> RecordDict:
    request = {"userName": "bob", "accessKeyId": "AKIASUBJECT", "status": status}
    return deletion(eventName="UpdateAccessKey", requestParameters=request)


def creation(date: str = "Jul 10, 2023 12:24:29 PM", **fields: object) -> RecordDict:
    key = {"accessKeyId": "AKIASUBJECT", "status": "Active", "userName": "bob", "createDate": date}
    answer = {"requestParameters": {"userName": "bob"}, "responseElements": {"accessKey": key}}
    return deletion(**({"eventName": "CreateAccessKey"} | answer | fields))


def issue(**fields: object) -> RecordDict:
    credentials = {
        "accessKeyId": "ASIAISSUED",
        "sessionToken": "TOKEN",
        "expiration": "Jul 10, 2023 1:24:29 PM",
    }
    answer = {"credentials": credentials}
    return record(
        **(
            {"eventSource": "sts.amazonaws.com", "eventName": "AssumeRole", "responseElements": answer}
            | fields
        )
    )


def dump(document: object) -> bytes:
    return json.dumps(document).encode()


def records_file(records: Iterable[object]) -> bytes:
    return dump({"Records": list(records)})


@pytest.fixture
def read(tmp_path: Path) -> Callable[[bytes], list[CloudTrailItem]]:
    def read_content(content: bytes) -> list[CloudTrailItem]:
        file = tmp_path / "log"
        file.write_bytes(content)
        return list(read_cloudtrail([file]))

    return read_content


Read: TypeAlias = Callable[[bytes], list[CloudTrailItem]]


def observations(items: Iterable[CloudTrailItem]) -> list[Observation]:
    return [item for item in items if isinstance(item, Observation)]


def refusals(items: Iterable[CloudTrailItem]) -> list[Refusal]:
    return [item for item in items if isinstance(item, Refusal)]


def without_places(items: Iterable[CloudTrailItem]) -> set[CloudTrailItem]:
    return {msgspec.structs.replace(item, where="") for item in items}


USE = Use(
    key=ExternalKey("aws", ACTING, KeyKind.LONG_LIVED, ACCOUNT),
    service="s3.amazonaws.com",
    occurred_at=parse_moment(AT),
    given_id="e-1",
    reporter="cloudtrail",
    source_ip="10.0.0.1",
    user_agent="aws-cli/2",
    where="log record 1",
)
COVERAGE = Coverage("cloudtrail", parse_moment(AT), parse_moment(AT), source="aws", account=ACCOUNT)


def test_the_real_logs_give_exactly_the_expected_figures_for_every_key(real_data: Path) -> None:
    # given
    expected = json.loads((real_data / "cloudtrail-invictus.expected.json").read_bytes())["keys"]

    # when
    items = list(read_cloudtrail([real_data / "cloudtrail-invictus"]))

    # then
    keys = {
        item.key.external_id
        for item in items
        if isinstance(item, Use | Observation)
        if isinstance(item.key, ExternalKey)
    }
    assert {key: figures(key, items) for key in keys} == {key: told(of) for key, of in expected.items()}
    assert not refusals(items)
    assert items[-1] == Coverage(
        "cloudtrail",
        parse_moment("2023-07-10T11:42:18Z"),
        parse_moment("2023-07-10T12:37:50Z"),
        source="aws",
        account="123837392027",
    )


def figures(key_id: str, items: Iterable[CloudTrailItem]) -> dict[str, object]:
    about = [
        item for item in items if isinstance(item, Use | Observation) if isinstance(item.key, ExternalKey)
    ]
    about = [item for item in about if isinstance(item.key, ExternalKey) and item.key.external_id == key_id]
    uses = [item for item in about if isinstance(item, Use)]
    seen = [item for item in about if isinstance(item, Observation)]
    moments = [use.occurred_at for use in uses]
    created = [format_moment(item.created_at) for item in seen if item.created_at is not None]
    deleted = [format_moment(item.occurred_at) for item in seen if item.state is KeyState.REVOKED]
    return {
        "kind": {item.key.kind for item in about if isinstance(item.key, ExternalKey)},
        "use_count": len({use.given_id for use in uses}),
        "error_count": sum(use.error_count for use in uses),
        "first_used": format_moment(min(moments)) if moments else None,
        "last_used": format_moment(max(moments)) if moments else None,
        "services": sorted({use.service for use in uses}),
        "n_ips": len({use.source_ip for use in uses}),
        "n_user_agents": len({use.user_agent for use in uses}),
        "created": created,
        "deleted": deleted,
    }


def told(expected: RecordDict) -> dict[str, object]:
    kind = KeyKind.LONG_LIVED if expected["kind"] == "long_term" else KeyKind.TEMPORARY
    plain = ("use_count", "error_count", "first_used", "last_used", "services", "n_ips", "n_user_agents")
    moments = {name: [expected[name]] if expected[name] else [] for name in ("created", "deleted")}
    return {"kind": {kind}} | {name: expected[name] for name in plain} | moments


def test_the_order_of_the_real_files_does_not_matter(real_data: Path) -> None:
    # given
    files = cloudtrail_files([real_data / "cloudtrail-invictus"])

    # then
    assert len(files) == 55
    assert set(read_cloudtrail(reversed(files))) == set(read_cloudtrail(files))


def test_progress_adds_up_to_the_size_of_the_files(real_data: Path) -> None:
    # given
    files = cloudtrail_files([real_data / "cloudtrail-invictus"])
    seen: list[int] = []

    # when
    list(read_cloudtrail(files, seen.append))

    # then
    assert sum(seen) == total_size(files) > 0


PACKINGS = {
    "records": records_file([record(), deletion(eventID="e-2")]),
    "pretty-records": json.dumps({"Records": [record(), deletion(eventID="e-2")]}, indent=2).encode(),
    "array": dump([record(), deletion(eventID="e-2")]),
    "array-by-line": b"[\n" + dump(record()) + b",\n" + dump(deletion(eventID="e-2")) + b"\n]\n",
    "ndjson": dump(record()) + b"\n" + dump(deletion(eventID="e-2")) + b"\n",
    "ndjson-blank-lines": b"\n\r\n" + dump(record()) + b"\r\n\n" + dump(deletion(eventID="e-2")),
    "ndjson-of-records": records_file([record()]) + b"\n" + records_file([deletion(eventID="e-2")]),
    "byte-order-mark": b"\xef\xbb\xbf" + records_file([record(), deletion(eventID="e-2")]),
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("packing", PACKINGS)
def test_every_packing_says_the_same(read: Read, packing: str, *, packed: bool) -> None:
    # given
    content = gzip.compress(PACKINGS[packing]) if packed else PACKINGS[packing]

    # then
    assert read(content) == read(PACKINGS["records"])


@pytest.mark.parametrize("document", [record(), json.dumps(record(), indent=1)])
def test_a_single_record_is_a_log(read: Read, document: object) -> None:
    assert read(document.encode() if isinstance(document, str) else dump(document)) == [USE, COVERAGE]


def test_a_log_without_records_says_nothing(read: Read) -> None:
    assert read(records_file([])) == []


def test_the_timestamp_stands_in_for_the_event_time(read: Read) -> None:
    # given
    exported = record(eventTime=None) | {"@timestamp": "2023-07-10T12:24:29.000Z"}

    # then
    assert read(dump(exported)) == [USE, COVERAGE]


@pytest.mark.parametrize(
    "identity",
    [
        None,
        {},
        {"type": "AWSService", "invokedBy": "rds.amazonaws.com"},
        {"accessKeyId": ""},
        {"accessKeyId": None},
    ],
)
def test_a_call_without_an_access_key_is_no_use(read: Read, identity: object) -> None:
    assert read(records_file([record(userIdentity=identity)])) == [COVERAGE]


def test_a_failed_call_is_a_use_and_an_error(read: Read) -> None:
    assert read(records_file([record(errorCode="AccessDenied")]))[0] == msgspec.structs.replace(
        USE, error_count=1
    )


def test_the_address_may_be_a_service_and_a_long_agent_is_cut(read: Read) -> None:
    # when
    use, _ = read(records_file([record(sourceIPAddress="health.amazonaws.com", userAgent="x" * 2000)]))

    # then
    assert use == msgspec.structs.replace(USE, source_ip="health.amazonaws.com", user_agent="x" * MAX_TEXT)


def test_an_asia_key_is_temporary_and_every_other_long_lived(read: Read) -> None:
    # given
    ids = ["AKIA1", "ASIA1", "AIDA1"]
    calls = [record(userIdentity={"accessKeyId": key}, eventID=key) for key in ids]

    # when
    keys = [item.key for item in read(records_file(calls)) if isinstance(item, Use)]

    # then
    assert keys == [
        ExternalKey("aws", "AKIA1", KeyKind.LONG_LIVED, ACCOUNT),
        ExternalKey("aws", "ASIA1", KeyKind.TEMPORARY, ACCOUNT),
        ExternalKey("aws", "AIDA1", KeyKind.LONG_LIVED, ACCOUNT),
    ]


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (
            creation(),
            Observation(
                key=ExternalKey("aws", "AKIASUBJECT", KeyKind.LONG_LIVED, ACCOUNT),
                occurred_at=parse_moment(AT),
                reporter="cloudtrail",
                state=KeyState.ACTIVE,
                created_at=parse_moment(AT),
                owner="bob",
                created_by=f"arn:aws:iam::{ACCOUNT}:user/admin",
                where="log record 1",
            ),
        ),
        (
            deletion(),
            Observation(
                key=ExternalKey("aws", "AKIASUBJECT", KeyKind.LONG_LIVED, ACCOUNT),
                occurred_at=parse_moment(AT),
                reporter="cloudtrail",
                state=KeyState.REVOKED,
                owner="bob",
                where="log record 1",
            ),
        ),
        (
            issue(),
            Observation(
                key=ExternalKey("aws", "ASIAISSUED", KeyKind.TEMPORARY, ACCOUNT),
                occurred_at=parse_moment(AT),
                reporter="cloudtrail",
                created_by=f"arn:aws:iam::{ACCOUNT}:user/admin",
                where="log record 1",
            ),
        ),
    ],
    ids=["created", "deleted", "issued"],
)
def test_a_call_about_a_key_observes_that_key_and_uses_the_acting_one(
    read: Read, call: RecordDict, expected: Observation
) -> None:
    # when
    use, observation, _ = read(records_file([call]))

    # then
    assert isinstance(use, Use)
    assert use.key == USE.key
    assert observation == expected


@pytest.mark.parametrize(("status", "state"), [("Inactive", KeyState.DISABLED), ("Active", KeyState.ACTIVE)])
def test_an_update_tells_the_new_state(read: Read, status: str, state: KeyState) -> None:
    assert [seen.state for seen in observations(read(records_file([update(status)])))] == [state]


def test_a_deletion_read_before_its_creation_yields_both(read: Read) -> None:
    # given
    calls = [deletion(eventTime="2023-07-10T12:28:24Z"), creation(eventID="e-2")]

    # then
    assert [seen.state for seen in observations(read(records_file(calls)))] == [
        KeyState.REVOKED,
        KeyState.ACTIVE,
    ]


@given(
    order=st.permutations(
        [record(), creation(eventID="e-2"), deletion(eventID="e-3"), issue(eventID="e-4"), 7]
    )
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_order_of_the_records_does_not_matter(read: Read, order: list[object]) -> None:
    assert without_places(read(records_file(order))) == without_places(
        read(records_file(sorted(order, key=str)))
    )


@pytest.mark.parametrize("call", [creation, deletion, issue])
def test_a_call_that_failed_changes_no_key(read: Read, call: Callable[..., RecordDict]) -> None:
    assert observations(read(records_file([call(errorCode="AccessDenied")]))) == []


def test_another_service_with_a_call_of_the_same_name_changes_no_key(read: Read) -> None:
    assert observations(read(records_file([deletion(eventSource="elsewhere.amazonaws.com")]))) == []


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        ("Jul 10, 2023 12:24:29 PM", "2023-07-10T12:24:29Z"),
        ("Jul 10, 2023, 12:24:29 PM", "2023-07-10T12:24:29Z"),
        ("Jul 9, 2023 12:04:29 AM", "2023-07-09T00:04:29Z"),
        ("Dec 1, 2022, 1:02:03\u202fPM", "2022-12-01T13:02:03Z"),
        ("2023-07-10T14:24:00+02:00", "2023-07-10T12:24:00Z"),
        ("Smarch 13, 2023", AT),
        ("Smr 13, 2023 12:24:29 PM", AT),
        ("Feb 30, 2023 12:24:29 PM", AT),
        ("", AT),
    ],
)
def test_the_creation_is_as_dated_or_else_the_call(read: Read, date: str, expected: str) -> None:
    (seen,) = observations(read(records_file([creation(date)])))
    assert seen.created_at == parse_moment(expected)


def test_a_user_who_deletes_his_own_key_need_not_be_named(read: Read) -> None:
    (seen,) = observations(read(records_file([deletion(requestParameters={"accessKeyId": "AKIASUBJECT"})])))
    assert seen.owner == "admin"


def test_a_credential_of_another_accounts_role_belongs_to_that_account(read: Read) -> None:
    # given
    role = {"arn": "arn:aws:sts::999999999999:assumed-role/auditor/session"}
    answer = issue()["responseElements"] | {"assumedRoleUser": role}

    # when
    (seen,) = observations(read(records_file([issue(responseElements=answer)])))

    # then
    assert seen.key.account == "999999999999"


@pytest.mark.parametrize(
    ("issuer", "expected"),
    [({"type": "AWSService", "invokedBy": "rds.amazonaws.com"}, "rds.amazonaws.com"), (None, None)],
)
def test_a_credential_that_nobody_asked_for_names_the_service_if_any(
    read: Read, issuer: object, expected: str | None
) -> None:
    (seen,) = observations(read(records_file([issue(userIdentity=issuer)])))
    assert seen.created_by == expected


def test_no_session_token_is_carried(read: Read) -> None:
    assert "TOKEN" not in repr(read(records_file([issue()])))


@pytest.mark.parametrize(
    "answer", [None, "accessKeyId", {"accessKeyId": 7}, {"credentials": {"accessKeyId": None}}]
)
def test_an_answer_of_any_shape_without_a_credential_is_no_observation(read: Read, answer: object) -> None:
    assert read(records_file([record(responseElements=answer)])) == [USE, COVERAGE]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (record(eventTime=None), "eventTime is missing"),
        (record(eventID=None), "eventID is missing, so that a repeat of the record could not be recognized"),
        (record(eventTime="noon"), "eventTime: 'noon' is not a time; write it like 2024-05-31T12:00:00Z"),
        (record(eventTime=7), "Expected `str | null`, got `int` - at `$.eventTime`"),
        (record(userIdentity="admin"), "Expected `object | null`, got `str` - at `$.userIdentity`"),
        (
            record(userIdentity={"accessKeyId": 7}),
            "Expected `str | null`, got `int` - at `$.userIdentity.accessKeyId`",
        ),
        (
            record(eventSource=None),
            "eventSource is missing, so that it is not known what the key was used for",
        ),
        (
            record(userIdentity={"accessKeyId": "A" * 129}),
            f"'{'A' * 40}...' is no access key id: those have 1 to 128 characters",
        ),
        (
            creation(responseElements=None),
            "responseElements of CreateAccessKey do not name the key that was created",
        ),
        (
            deletion(requestParameters="?"),
            "requestParameters of DeleteAccessKey do not name the key that was changed",
        ),
        (update("Paused"), "the status that UpdateAccessKey set is neither Active nor Inactive"),
    ],
)
def test_a_bad_record_is_refused_with_its_reason_and_the_rest_goes_on(
    read: Read, bad: RecordDict, reason: str
) -> None:
    # when
    items = read(records_file([bad, record(eventID="e-9")]))

    # then
    assert refusals(items) == [Refusal("log record 1", reason + UNVOUCHED)]
    assert items[-1] == msgspec.structs.replace(USE, given_id="e-9", where="log record 2")


def folder_of(tmp_path: Path, contents: dict[str, bytes]) -> Path:
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (records_file([record()])[:-3], "is damaged JSON (Input data was truncated); fetch it again"),
        (b"[" * 100_000, "is damaged JSON (maximum recursion depth exceeded"),
        (
            gzip.compress(records_file([record()]), mtime=0)[:-20],
            "the gzip file is cut short; fetch it again",
        ),
        (gzip.compress(b"{}", mtime=0)[:10] + b"\xff" * 30, "the gzip file is damaged; fetch it again"),
        (b"", "the file is empty; fetch it again"),
        (b" \n\n", "the file is empty; fetch it again"),
    ],
)
def test_a_damaged_file_is_one_refusal_and_nothing_is_vouched_for(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    # given
    folder = folder_of(tmp_path, {"a.json": content, "b.json": records_file([record()])})

    # when
    refusal, use = read_cloudtrail([folder])

    # then
    assert isinstance(refusal, Refusal)
    assert (refusal.where, refusal.reason[: len(reason)]) == ("a.json", reason)
    assert refusal.reason.endswith(UNVOUCHED)
    assert use == msgspec.structs.replace(USE, where="b.json record 1")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (dump({"digestS3Bucket": "b", "logFiles": []}), "holds no CloudTrail records"),
        (dump({"Records": 5}), "holds no CloudTrail records"),
        (dump([1, "x", None]), "holds no CloudTrail records"),
        (b"7", "holds no CloudTrail records"),
        (b'{"level": "info"}\n{"level": "info"}\n', "holds no CloudTrail records"),
        (dump([record(eventID="e-2", eventCategory="Insight")]), "holds CloudTrail Insights"),
        (dump([record(eventID="e-2", eventType="AwsCloudTrailInsight")]), "holds CloudTrail Insights"),
        (b"version account-id interface-id", "is not JSON; skipped"),
        (b"2 123456789010 eni-1235b8ca ACCEPT OK", "holds no CloudTrail records"),
    ],
)
def test_a_file_of_another_kind_is_skipped_by_one_refusal(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    # given
    folder = folder_of(tmp_path, {"a.json": content, "b.json": records_file([record()])})

    # when
    refusal, *rest = read_cloudtrail([folder])

    # then
    assert isinstance(refusal, Refusal)
    assert (refusal.where, refusal.reason[: len(reason)]) == ("a.json", reason)
    assert rest == [msgspec.structs.replace(USE, where="b.json record 1"), COVERAGE]


def test_foreign_records_among_cloudtrails_are_counted_in_one_line(read: Read) -> None:
    assert read(records_file([record(), 7, {"level": "info"}])) == [
        USE,
        Refusal("log", "2 of 3 records are not CloudTrail's; skipped"),
        COVERAGE,
    ]


@pytest.mark.parametrize("bad", [0, 1, 2])
def test_a_damaged_line_is_refused_and_the_other_lines_are_read(read: Read, bad: int) -> None:
    # given
    lines = [dump(record(eventID=f"e-{number}")) for number in range(3)]
    lines[bad] = lines[bad][:-9]

    # when
    items = read(b"\n".join(lines))

    # then
    assert [item.where for item in refusals(items)] == [f"log line {bad + 1}"]
    assert [item.given_id for item in items if isinstance(item, Use)] == [
        f"e-{n}" for n in range(3) if n != bad
    ]


def test_a_gzip_cut_short_keeps_the_lines_before_the_cut(read: Read) -> None:
    # given
    lines = b"".join(
        dump(record(eventID=f"e-{number}-{number * 7919 % 1009}")) + b"\n" for number in range(5000)
    )

    # when
    items = read(gzip.compress(lines, mtime=0)[:-2000])

    # then
    assert len(items) > 1000
    assert [type(item) for item in items[-2:]] == [Use, Refusal]


def test_a_document_beyond_all_bounds_is_refused(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    monkeypatch.setattr(cloudtrail, "MAX_DOCUMENT", 100)

    # then
    (refusal,) = read(b"[\n" + b" " * 5000 + b"]")
    assert isinstance(refusal, Refusal)
    assert "is larger than 100 bytes; split it" in refusal.reason


def test_coverage_is_told_for_each_account_that_is_named(read: Read) -> None:
    # given
    nobody = {"recipientAccountId": None, "userIdentity": None}
    calls = [
        record(eventTime="2023-07-10T12:00:00Z"),
        record(eventTime="2023-07-10T11:00:00Z"),
        record(eventTime="2023-07-10T13:00:00Z", recipientAccountId="999999999999"),
        record(eventTime="2023-07-10T20:00:00Z", **nobody),
    ]

    # when
    covered = [item for item in read(records_file(calls)) if isinstance(item, Coverage)]

    # then
    told_of = [
        (item.account, format_moment(item.covers_from), format_moment(item.covers_to)) for item in covered
    ]
    assert told_of == [
        (ACCOUNT, "2023-07-10T11:00:00Z", "2023-07-10T12:00:00Z"),
        ("999999999999", "2023-07-10T13:00:00Z", "2023-07-10T13:00:00Z"),
    ]


def test_a_path_that_does_not_exist_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="does not exist"):
        read_cloudtrail([tmp_path / "gone"])


def test_a_file_that_may_not_be_read_is_a_refusal(tmp_path: Path) -> None:
    # given
    file = tmp_path / "a.json"
    file.write_bytes(records_file([record()]))
    items = read_cloudtrail([file])

    # when
    file.unlink()

    # then
    assert list(items) == [Refusal("a.json", "cannot be read: No such file or directory" + UNVOUCHED)]


NAMES = [
    *record(),
    *record()["userIdentity"],
    "Records",
    "responseElements",
    "credentials",
    "accessKey",
    "errorCode",
]
JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=9)
    | st.sampled_from([AT, "ASIA1", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=9,
)
EDITED = st.builds(
    lambda call, edits: call | edits,
    st.sampled_from([record(), creation(), deletion(), update("Active"), issue()]),
    st.dictionaries(
        st.sampled_from([*record(), "responseElements", "requestParameters", "errorCode"]), JSON_VALUES
    ),
)
SOUND = st.one_of(JSON_VALUES, EDITED, st.lists(EDITED).map(lambda calls: {"Records": calls})).map(dump)
BROKEN = st.builds(
    lambda text, at, junk: text[:at] + junk + text[at:], SOUND, st.integers(0, 999), st.binary(max_size=4)
)
CONTENT = st.one_of(st.binary(), SOUND, BROKEN, st.lists(SOUND | BROKEN).map(b"\n".join))


@given(content=CONTENT | CONTENT.map(gzip.compress), cut=st.integers(0, 30))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_content_whatever_ends_in_a_traceback(read: Read, content: bytes, cut: int) -> None:
    for item in read(content[: len(content) - cut]):
        assert isinstance(item, Use | Observation | Coverage | Refusal)
