import json
import tracemalloc
from collections.abc import Iterable
from random import Random
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import Ambiguous
from ledger.importers.ndjson import MAX_LINE, read_uses
from ledger.moments import parse_moment
from ledger.secret import new_secret
from ledger.usage import Refusal, Use

KEY_ID = bytes(range(16))
AT = "2024-05-31T12:00:00Z"
SECRET = new_secret("kl", bytes).reveal()


def resolve(key: str) -> bytes | None:
    if key == "bil":
        raise Ambiguous("'bil' means billing-prod and billing-test; write more of it")
    return KEY_ID if key == "billing" else None


def line(**fields: object) -> bytes:
    return json.dumps({"key": "billing", "service": "payments", "occurred_at": AT} | fields).encode() + b"\n"


def only(lines: Iterable[bytes]) -> Use | Refusal:
    (item,) = read_uses(lines, resolve)
    return item


def use(**fields: object) -> Use:
    item = only([line(**fields)])
    assert isinstance(item, Use), item
    return item


def reason(text: bytes) -> str:
    item = only([text])
    assert isinstance(item, Refusal)
    return item.reason


def test_lines_that_say_much_take_no_memory_once_they_are_read() -> None:
    told = (line(service=f"{'x' * 60_000}{number}") for number in range(60))
    uses = read_uses(told, lambda _: b"k" * 16)
    tracemalloc.start()
    for _ in uses:
        pass
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert held < 1_000_000


def test_a_line_with_the_required_fields_is_a_use() -> None:
    assert use() == Use(KEY_ID, "payments", parse_moment(AT), where=1)


def test_every_optional_field_is_taken_over() -> None:
    # given
    told: dict[str, object] = {
        "id": "req-1",
        "caller": "worker-3",
        "reporter": "gateway",
        "source_ip": "10.0.0.1",
        "user_agent": "curl/8",
        "count": 5,
        "error_count": 2,
        "last_at": "2024-05-31T12:05:00.5Z",
    }

    # then
    assert use(**told) == Use(
        key=KEY_ID,
        service="payments",
        occurred_at=parse_moment(AT),
        given_id="req-1",
        caller="worker-3",
        reporter="gateway",
        source_ip="10.0.0.1",
        user_agent="curl/8",
        count=5,
        error_count=2,
        last_at=parse_moment(AT) + 300_500_000,
        where=1,
    )


def test_an_empty_id_is_no_id() -> None:
    assert use(id="", caller="", reporter="", source_ip="", user_agent="") == use()


@pytest.mark.parametrize("error", [True, 1, 403, 0.5, "AccessDenied"])
def test_an_error_means_that_all_uses_of_the_line_failed(error: object) -> None:
    assert use(error=error).error_count == 1
    assert use(error=error, count=7).error_count == 7


@pytest.mark.parametrize("error", [False, None, 0, ""])
def test_no_error_means_that_none_failed(error: object) -> None:
    assert use(error=error, count=7).error_count == 0


def test_blank_lines_are_passed_over_but_counted() -> None:
    # when
    items = list(read_uses([b"\n", line(), b" \r\n", b"", line(service="")], resolve))

    # then
    assert [item.where for item in items] == [2, 5]


def test_a_byte_order_mark_does_no_harm() -> None:
    assert only([b"\xef\xbb\xbf" + line()]) == use()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"nonsense", "not JSON: JSON is malformed: invalid character (byte 4)"),
        (b'{"key": "billing"', "not JSON: Input data was truncated"),
        (line() * 2, "not JSON: JSON is malformed: trailing characters (byte 82)"),
        (b'["billing"]', "not an object; write one like {"),
        (b'"billing"', "not an object; write one like {"),
        (b'{"key": "\xff"}', "not UTF-8 (invalid start byte); save the file as UTF-8"),
        (b"{}", "key and service and occurred_at missing; every line needs key, service, occurred_at"),
        (b'{"key": "billing", "service": "s"}', "occurred_at missing; every line needs"),
        (line(sevrice="s"), "unknown field 'sevrice'; allowed are key, service, occurred_at, id, caller,"),
        (line(key=7), "wrong type: Expected `str`, got `int` - at `$.key`"),
        (b"\xef\xbb\xbf" + line(key=7), "wrong type: Expected `str`, got `int` - at `$.key`"),
        (line(count="7"), "wrong type: Expected `int`, got `str` - at `$.count`"),
        (line(count=1.5), "wrong type: Expected `int`, got `float` - at `$.count`"),
        (
            line(error=[1]),
            "wrong type: Expected `bool | int | float | str | null`, got `array` - at `$.error`",
        ),
        (line(service=None), "wrong type: Expected `str`, got `null` - at `$.service`"),
        (
            line(occurred_at="yesterday"),
            "occurred_at: 'yesterday' is not a time; write it like 2024-05-31T12:00",
        ),
        (line(occurred_at="2024-05-31T12:00:00"), "occurred_at: '2024-05-31T12:00:00' has no time zone"),
        (line(last_at="soon"), "last_at: 'soon' is not a time"),
        (line(error=True, error_count=1), "error and error_count are both given"),
        (line(key=""), "key is empty; give the key's id or name"),
        (line(key="biling"), "unknown key 'biling': `keyledger key list` shows the keys"),
        (line(key="bil"), "'bil' means billing-prod and billing-test; write more of it"),
        (line(user_agent="x" * MAX_LINE), "the line is longer than 65536 bytes"),
        (b'{"key": ' + b"[" * 60_000, "not a use: nested too deeply"),
        (line()[:-2] + b', "count": ' + b"9" * 5000 + b"}", "not a use: Integer value out of range"),
    ],
)
def test_a_line_that_is_no_use_is_refused_with_the_precise_reason(text: bytes, expected: str) -> None:
    assert reason(text).startswith(expected)


def test_a_refused_line_leaves_the_others_alone() -> None:
    # when
    items = list(read_uses([line(), b"nonsense\n", line()], resolve))

    # then
    assert [type(item) for item in items] == [Use, Refusal, Use]
    assert [item.where for item in items] == [1, 2, 3]


def test_a_secret_in_place_of_a_key_is_refused_before_anyone_is_asked_for_it() -> None:
    # given
    asked: list[str] = []

    # when
    (item,) = read_uses([line(key=SECRET)], asked.append)

    # then
    assert item == Refusal(1, "that is a secret, not a key id; give the key's id or name")
    assert not asked


@pytest.mark.parametrize("field", ["service", "id", "caller", "reporter", "source_ip", "user_agent"])
def test_a_secret_in_any_other_text_is_refused_rather_than_stored(field: str) -> None:
    assert (
        reason(line(**{field: f"Bearer {SECRET}"}))
        == f"{field} holds a secret; leave it out and rotate that key"
    )


@pytest.mark.parametrize(
    "text",
    [
        line(occurred_at=SECRET),
        line(last_at=SECRET),
        line(key=f"{'k' * 30}{SECRET}"),
        line(**{SECRET: 1}),
        line(count=SECRET),
        SECRET.encode(),
        f'{{"key": "{SECRET}"'.encode(),
    ],
)
def test_no_reason_gives_away_a_secret(text: bytes) -> None:
    assert SECRET[7:40] not in reason(text)


@pytest.mark.parametrize(
    "part",
    [
        *(slice(22), slice(45), slice(50), slice(52)),
        *(slice(2, None), slice(3, None), slice(10, None)),
        *(slice(3, -1), slice(3, -3), slice(3, 46), slice(8, 40), slice(5, -2)),
    ],
    ids=lambda part: f"{part.start or 0}-{part.stop or 'end'}",
)
def test_nor_does_it_give_away_most_of_one(part: slice) -> None:
    much = new_secret("kl", Random(1).randbytes).reveal()[part]

    for key in (much, f"is {much}, or", f"{much}x"):
        told = reason(line(key=key)) + reason(line(occurred_at=key))
        assert much[7:-4] not in told


def test_a_long_text_is_looked_through_at_once() -> None:
    started = perf_counter()
    for hostile in ("aB" * 30_000, "a_" * 30_000, f"k_{'aB' * 30_000}", f"{'aB' * 30_000}_", "kl_" * 20_000):
        assert reason(line(key=hostile))

    assert perf_counter() - started < 5


@pytest.mark.parametrize(
    "name",
    [
        "kl_0af7651916cd43dd8448eb211c80319c",
        "backup_20240531T120000000000Z",
        "PaymentsReconciliation_prod",
        "AWSServiceRoleForAmazonElasticFileSystem",
    ],
)
def test_ids_and_times_are_quoted_as_they_are(name: str) -> None:
    assert name in reason(line(key=name))


def test_the_answer_of_a_resolver_is_masked_too() -> None:
    # given
    def refuse(key: str) -> bytes | None:
        raise Ambiguous(f"{key} {SECRET}")

    # when
    (item,) = read_uses([line()], refuse)

    # then
    assert isinstance(item, Refusal)
    assert SECRET not in item.reason


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.sampled_from(
    ["key", "service", "occurred_at", "id", "count", "error", "error_count", "last_at", "typo"]
)
SENSIBLE = st.sampled_from(
    ["billing", "bil", "", AT, "9999-12-31T23:59:59Z", "2024-05-31", 0, 5, -1, True, SECRET]
)


@given(
    st.lists(
        st.binary() | st.dictionaries(FIELDS, SENSIBLE | JSON_VALUES).map(lambda d: json.dumps(d).encode())
    )
)
def test_no_input_whatever_ends_in_anything_but_uses_and_refusals(lines: list[bytes]) -> None:
    # when
    items = list(read_uses(lines, resolve))

    # then
    assert len(items) == sum(bool(text.strip(b" \t\n\r\x0b\x0c")) for text in lines)
    assert all(isinstance(item, Use) or SECRET not in item.reason for item in items)
