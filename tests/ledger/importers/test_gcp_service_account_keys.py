from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.errors import InvalidInput
from ledger.events import KeyState
from ledger.importers.gcp_service_account_keys import read_service_account_keys
from ledger.moments import parse_moment
from ledger.observation import ExternalKey, Observation
from ledger.usage import Doubt, Refusal

NOW = parse_moment("2024-06-01T00:00:00Z")
ANSWERED = parse_moment("2024-05-31T12:00:00Z")
CREATED = parse_moment("2024-05-01T00:00:00Z")
OWNER = "ci@acme.iam.gserviceaccount.com"
NAME = f"projects/acme/serviceAccounts/{OWNER}/keys/1a2b"
KEY = {"name": NAME, "validAfterTime": "2024-05-01T00:00:00Z", "keyType": "USER_MANAGED"}
HEADERS = {"Date": "Fri, 31 May 2024 12:00:00 GMT"}
OBSERVED = Observation(
    ExternalKey("gcp", NAME, account="acme"),
    ANSWERED,
    "gcp-service-account-keys",
    KeyState.ACTIVE,
    CREATED,
    owner=OWNER,
    where="a.json",
)

Read: TypeAlias = Callable[..., list[Any]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def read(content: object) -> list[Any]:
        text = content if isinstance(content, bytes) else msgspec.json.encode(content)
        (tmp_path / "a.json").write_bytes(text)
        doubts: list[Doubt] = []
        return [*read_service_account_keys([tmp_path], NOW, doubts.append), *doubts]

    return read


def test_a_recorded_answer_tells_state_owner_and_creation_at_its_own_moment(read: Read) -> None:
    assert read({"headers": HEADERS, "body": {"keys": [KEY]}}) == [OBSERVED]


@pytest.mark.parametrize(
    "content", [[KEY], {"keys": [KEY]}, KEY, {"body": KEY}], ids=["gcloud", "list", "one key", "no headers"]
)
def test_without_a_header_it_is_as_young_as_its_newest_key(read: Read, content: object) -> None:
    assert read(content) == [msgspec.structs.replace(OBSERVED, occurred_at=CREATED)]


def test_a_disabled_key_is_disabled(read: Read) -> None:
    assert read([KEY | {"disabled": True}])[0].state is KeyState.DISABLED


def test_keys_that_google_manages_and_empty_answers_say_nothing(read: Read) -> None:
    assert read([KEY | {"keyType": "SYSTEM_MANAGED"}]) == []
    assert read({"headers": HEADERS, "body": {"keys": []}}) == []


def test_a_creation_after_the_answer_is_in_doubt_and_the_key_is_kept(read: Read) -> None:
    late = KEY | {"validAfterTime": "2024-05-31T12:00:01Z"}

    observed, doubt = read({"headers": HEADERS, "body": {"keys": [late]}})

    assert observed == msgspec.structs.replace(OBSERVED, created_at=None)
    assert "is after the answer itself" in doubt.reason


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is no answer about service account keys"),
        (b"[1]", "is no answer about service account keys"),
        ({"accounts": []}, "is no answer about service account keys"),
        ({"headers": HEADERS, "body": {"error": {"code": 404}}}, "is no answer about service account keys"),
        ([KEY | {"name": "1a2b"}], "is not the name of a key"),
        ([KEY | {"validAfterTime": "soon"}], "validAfterTime: 'soon'"),
        ([{"name": NAME}], "holds no date to go by"),
        ({"headers": {"date": "soon"}, "body": {"keys": [KEY]}}, "is not a time"),
        ({"headers": {"date": "Mon, 01 Jul 2024 00:00:00 GMT"}, "body": KEY}, "but it is 2024-06-01"),
    ],
    ids=["empty", "numbers", "accounts", "error", "name", "moment", "no date", "header", "future"],
)
def test_what_cannot_be_read_is_told_with_its_file(read: Read, content: object, reason: str) -> None:
    (refusal,) = read(content)

    assert isinstance(refusal, Refusal)
    assert refusal.where == "a.json"
    assert reason in refusal.reason


def test_a_path_that_does_not_exist_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="does not exist"):
        read_service_account_keys([tmp_path / "nowhere"], NOW)


@given(
    content=st.one_of(st.binary(max_size=80), st.text(max_size=80).map(lambda text: [KEY | {"name": text}]))
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_a_file_holds_it_is_read_or_refused(read: Read, content: object) -> None:
    assert all(isinstance(each, Observation | Refusal) for each in read(content))


def test_recorded_answers_of_google_are_read(real_data: Path) -> None:
    files = sorted((real_data / "gcp-service-account-keys").glob("*keys*_1.json"))

    items = list(read_service_account_keys(files, NOW))

    told = [item for item in items if isinstance(item, Observation)]
    assert {item.key.external_id.rpartition("/")[2] for item in told} == {"2", "2222"}
    assert {item.account for item in (each.key for each in told)} == {"cloud-custodian"}
    assert {item.created_at for item in told} == {parse_moment("2021-03-31T13:27:15Z")}
