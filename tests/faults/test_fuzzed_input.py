import io
import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.importers.cloudtrail import read_cloudtrail
from ledger.importers.files import bounded_lines
from ledger.importers.ndjson import MAX_LINE, read_uses
from ledger.usage import Refusal, Use
from tests.faults.scale import EXAMPLES

KEY_ID = bytes(range(16))
AT = "2024-05-31T12:00:00Z"
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40)
JSON_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)


def resolve(key: str) -> bytes | None:
    return KEY_ID if key == "billing" else None


def encoded(fields: object) -> bytes:
    return json.dumps(fields).encode()


GOOD_FIELDS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"key": st.just("billing"), "service": TEXTS, "occurred_at": st.just(AT)},
    optional={
        "id": TEXTS,
        "caller": TEXTS,
        "reporter": TEXTS,
        "count": st.integers(1, 10**9),
        "error": st.booleans(),
    },
)
GOOD = GOOD_FIELDS.map(encoded)
BAD = st.one_of(
    GOOD.flatmap(lambda line: st.integers(1, len(line) - 1).map(lambda end: line[:end])),
    GOOD_FIELDS.map(lambda fields: encoded(fields | {"key": "stranger"})),
    GOOD_FIELDS.map(lambda fields: encoded(fields | {"surprise": 1})),
    GOOD_FIELDS.map(lambda fields: encoded(fields | {"occurred_at": "yesterday"})),
    st.sampled_from(["key", "service", "occurred_at"]).flatmap(
        lambda name: GOOD_FIELDS.map(lambda fields: encoded({k: v for k, v in fields.items() if k != name}))
    ),
    st.sampled_from([b"[" * 5000, b'"' + b"x" * MAX_LINE, b"\xff\xfe{", b"null", b"[]", b"{}", b"{} {}"]),
)
GARBAGE = st.binary(max_size=200).map(lambda text: text.replace(b"\n", b"")) | JSON_VALUES.map(encoded)


@settings(max_examples=EXAMPLES)
@given(st.lists(GOOD.map(lambda text: (1, text)) | BAD.map(lambda text: (0, text)), max_size=20))
def test_of_a_stream_exactly_the_bad_lines_are_refused(lines: list[tuple[int, bytes]]) -> None:
    stream = io.BytesIO(b"\n".join(text for _, text in lines))

    items = list(read_uses(bounded_lines(stream, MAX_LINE), resolve))

    assert [(isinstance(item, Use), item.where) for item in items] == [
        (bool(is_good), number) for number, (is_good, _) in enumerate(lines, 1)
    ]


@settings(max_examples=EXAMPLES)
@given(st.lists(GARBAGE, max_size=20))
def test_whatever_a_stream_holds_each_line_is_a_use_or_told_with_its_number(lines: list[bytes]) -> None:
    stream = io.BytesIO(b"\n".join(lines))

    items = list(read_uses(bounded_lines(stream, MAX_LINE), resolve))

    told = [number for number, text in enumerate(lines, 1) if text and not text.isspace()]
    assert [item.where for item in items] == told
    assert all("\n" not in item.reason for item in items if isinstance(item, Refusal))


def record(number: int, fault: str | None) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "eventTime": AT,
        "eventID": f"e-{number}",
        "eventSource": "s3.amazonaws.com",
        "eventName": "GetObject",
        "userIdentity": {"accessKeyId": "AKIAEXAMPLE"},
    }
    match fault:
        case None:
            return fields
        case "eventName" | "userIdentity":
            return fields | {fault: 5}
        case _:
            return {name: value for name, value in fields.items() if name != fault}


FAULTS = st.sampled_from([None, None, "eventTime", "eventID", "eventSource", "eventName", "userIdentity"])


def read_file(content: bytes) -> list[Any]:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "log.json").write_bytes(content)
        return list(read_cloudtrail([Path(folder)]))


@settings(max_examples=EXAMPLES)
@given(faults=st.lists(FAULTS, min_size=1, max_size=20), by_line=st.booleans())
def test_of_a_log_exactly_the_bad_records_are_refused(faults: list[str | None], *, by_line: bool) -> None:
    records = [
        # A name is no part of a use that is missed where there is none; of a wrong type it spoils the record.
        record(number, fault)
        for number, fault in enumerate(faults, 1)
    ]
    content = b"\n".join(map(encoded, records)) if by_line else encoded({"Records": records})

    items = read_file(content)

    refused = [item.where for item in items if isinstance(item, Refusal)]
    used = [item.where for item in items if isinstance(item, Use)]
    places = [f"log.json record {number}" for number in range(1, len(faults) + 1)]
    assert refused == [place for place, fault in zip(places, faults, strict=True) if fault]
    assert used == [place for place, fault in zip(places, faults, strict=True) if not fault]


@settings(max_examples=EXAMPLES)
@given(st.lists(GARBAGE | JSON_VALUES.map(lambda value: encoded({"Records": [value]})), max_size=5))
def test_whatever_a_log_holds_it_is_read_to_its_end_and_losses_are_told(documents: list[bytes]) -> None:
    for item in read_file(b"\n".join(documents)):
        assert not isinstance(item, Refusal) or item.where.__class__ is str
