import io

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import InvalidInput
from ledger.events import KeyState
from ledger.importers.inventory_file import InventoryKey, parse_inventory
from ledger.moments import parse_moment
from ledger.usage import Refusal
from tests.world import World

FULL = {
    "external_id": "AKIA1",
    "state": "Inactive",
    "owner": "kaleb",
    "created_at": "2024-05-31T12:00:00Z",
    "source": "aws",
    "account": "1",
}
CSV = ",".join(FULL) + "\n" + ",".join(FULL.values()) + "\n"


def read(text: str | bytes) -> tuple[list[InventoryKey], list[Refusal]]:
    refused: list[Refusal] = []
    content = text.encode() if isinstance(text, str) else text
    return parse_inventory(io.BytesIO(content), "inv", refused.append), refused


def dump(value: object) -> str:
    return msgspec.json.encode(value).decode()


@pytest.mark.parametrize(
    "text",
    [
        CSV,
        "\ufeff" + CSV.replace("\n", "\r\n"),
        dump([FULL]),
        dump(FULL) + "\n\n",
        dump({"schema": "keyledger.keys/1", "keys": [FULL]}),
        CSV.replace("account", "account,note").replace(",1\n", ",1,spare\n"),
    ],
    ids=["csv", "csv of windows", "array", "ndjson", "key list", "more columns"],
)
def test_an_inventory_is_read_in_each_form(text: str) -> None:
    (key,), refused = read(text)

    assert refused == []
    assert (key.external_id, key.state, key.owner) == ("AKIA1", KeyState.DISABLED, "kaleb")
    assert (key.created_at, key.source, key.account) == (parse_moment("2024-05-31T12:00:00Z"), "aws", "1")


def test_what_is_not_said_is_unknown_and_an_id_will_do() -> None:
    (key, other), refused = read('{"id": "a", "external_id": null, "owner": ""}\n{"external_id": "b"}')

    assert refused == []
    assert key == InventoryKey("a", where="inv line 1")
    assert other == InventoryKey("b", where="inv line 2")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"state": "active"}, "external_id is missing"),
        ({"external_id": "a", "state": "asleep"}, "'asleep' is none of active, enabled"),
        ({"external_id": "a", "created_at": "yesterday"}, "created_at: 'yesterday'"),
        ({"external_id": 7}, "external_id must be a text, not int"),
    ],
    ids=["nameless", "state", "moment", "number"],
)
def test_a_row_that_cannot_be_read_is_told_and_keeps_no_other_from_it(
    row: dict[str, object], reason: str
) -> None:
    keys, (refusal,) = read(dump([row, {"external_id": "b"}]))

    assert [key.external_id for key in keys] == ["b"]
    assert refusal.where == "inv key 1"
    assert reason in refusal.reason


def test_a_key_that_is_listed_twice_is_told() -> None:
    keys, (refusal,) = read("external_id\nA\nB\nA\n")

    assert [key.external_id for key in keys] == ["A", "B"]
    assert (refusal.where, refusal.reason) == ("inv line 4", "'A' is listed twice; see inv line 2")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a,b\n1,2\n",
        "[1]",
        '{"keys": 3}',
        "[",
        '{"external_id": "a"}\nnonsense',
        b"\xff\xfe",
        "external_id\na,b\n",
    ],
    ids=["empty", "columns", "numbers", "keys", "broken", "line", "bytes", "ragged"],
)
def test_what_is_no_inventory_is_refused_as_a_whole(text: str | bytes) -> None:
    with pytest.raises(InvalidInput, match="inv"):
        read(text)


def test_a_secret_in_an_inventory_is_refused_and_not_repeated(world: World) -> None:
    secret = world.create().secret.reveal()

    keys, (refusal,) = read(f"external_id,owner\nA,{secret}\n")

    assert keys == []
    assert "holds a secret" in refusal.reason
    assert secret not in refusal.reason


@given(st.one_of(st.binary(max_size=200), st.text(max_size=200)))
def test_whatever_it_holds_it_is_read_or_refused(text: str | bytes) -> None:
    try:
        content = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
        read(content)
    except InvalidInput:
        pass
