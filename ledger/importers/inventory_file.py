"""A plain inventory: the keys that somebody says exist, as CSV, as NDJSON or as JSON."""

import csv
import io
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from ledger.errors import InvalidInput
from ledger.events import KeyState
from ledger.importers.files import UNREADABLE, open_file, why_unreadable
from ledger.importers.values import moment_in, quoted
from ledger.secret import holds_secret
from ledger.usage import Refusal

# A million keys take some hundred megabytes.
MAX_INVENTORY = 256 * 1024 * 1024

_STATES = {
    "active": KeyState.ACTIVE,
    "enabled": KeyState.ACTIVE,
    "disabled": KeyState.DISABLED,
    "inactive": KeyState.DISABLED,
    "revoked": KeyState.REVOKED,
    "deleted": KeyState.REVOKED,
    "expired": KeyState.REVOKED,
}
_NAMES = ("external_id", "id")
_EXAMPLE = "external_id,state,owner,created_at"
_BOM = b"\xef\xbb\xbf"


class InventoryKey(msgspec.Struct, frozen=True):
    """A key of an inventory; what it does not say is None."""

    external_id: str
    state: KeyState | None = None
    owner: str | None = None
    created_at: int | None = None
    source: str | None = None
    account: str | None = None
    where: str = ""


def load_inventory(path: Path, on_refused: Callable[[Refusal], object]) -> list[InventoryKey]:
    """The keys in a file; `on_refused` hears of rows that cannot be read. InvalidInput for no inventory."""
    try:
        with open_file(path) as stream:
            return parse_inventory(stream, str(path), on_refused)
    except UNREADABLE as error:
        raise InvalidInput(f"{path}: {why_unreadable(error)}") from None


def parse_inventory(
    stream: BinaryIO, name: str, on_refused: Callable[[Refusal], object]
) -> list[InventoryKey]:
    """The keys that a stream holds, which messages call by its name."""
    keys: dict[tuple[str | None, str], InventoryKey] = {}
    for where, row in _rows(_text(stream, name), name):
        try:
            key = _key(row, where)
        except InvalidInput as error:
            on_refused(Refusal(where, str(error)))
            continue
        first = keys.setdefault((key.source, key.external_id), key)
        if first is not key:
            on_refused(Refusal(where, f"{quoted(key.external_id)} is listed twice; see {first.where}"))
    return list(keys.values())


def _text(stream: BinaryIO, name: str) -> str:
    content = stream.read(MAX_INVENTORY + 1)
    if len(content) > MAX_INVENTORY:
        raise InvalidInput(f"{name} is larger than {MAX_INVENTORY} bytes; split it")
    try:
        return content.removeprefix(_BOM).decode()
    except UnicodeDecodeError:
        raise InvalidInput(f"{name} is not UTF-8 text; save it as such") from None


def _rows(text: str, name: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The rows with where they stand; a JSON object may hold them as its `keys`, as `key list` prints it."""
    start = text.lstrip()[:1]
    if start == "[":
        yield from _objects(_decoded(text, name), name)
    elif start == "{":
        try:
            whole = msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError):
            yield from _lines(text, name)
        else:
            yield from _objects(whole.get("keys", [whole]), name)
    else:
        yield from _records(text, name)


def _objects(rows: Any, name: str) -> Iterator[tuple[str, Mapping[str, Any]]]:  # noqa: ANN401 - JSON
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise InvalidInput(f"{name} is no inventory: a list of objects is wanted, each with an external_id")
    yield from ((f"{name} key {number}", row) for number, row in enumerate(rows, 1))


def _lines(text: str, name: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            row = _decoded(line, f"{name} line {number}")
            if not isinstance(row, dict):
                raise InvalidInput(f"{name} line {number} is no JSON object")
            yield f"{name} line {number}", row


def _decoded(text: str, name: str) -> Any:  # noqa: ANN401 - JSON
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidInput(f"{name} is not JSON: {error}") from None


def _records(text: str, name: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    reader = csv.DictReader(io.StringIO(text), skipinitialspace=True)
    try:
        if not set(_NAMES) & set(reader.fieldnames or ()):
            raise InvalidInput(
                f"{name} is no inventory: its first line must name columns, such as {_EXAMPLE}"
            )
        for row in reader:
            where = f"{name} line {reader.line_num}"
            if None in row:
                raise InvalidInput(f"{where} has more columns than the first line names")
            yield where, row
    except csv.Error as error:
        raise InvalidInput(f"{name} line {reader.line_num} is not CSV: {error}") from None


def _key(row: Mapping[str, Any], where: str) -> InventoryKey:
    said = {name: _said(row, name) for name in (*_NAMES, "state", "owner", "created_at", "source", "account")}
    external_id = said["external_id"] or said["id"]
    if external_id is None:
        raise InvalidInput("external_id is missing; every key needs one")
    state, created_at = said["state"], said["created_at"]
    if state is not None and state.lower() not in _STATES:
        raise InvalidInput(f"state: {quoted(state)} is none of {', '.join(_STATES)}")
    return InventoryKey(
        external_id,
        state=None if state is None else _STATES[state.lower()],
        owner=said["owner"],
        created_at=None if created_at is None else moment_in("created_at", created_at),
        source=said["source"],
        account=said["account"],
        where=where,
    )


def _said(row: Mapping[str, Any], name: str) -> str | None:
    value = row.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidInput(f"{name} must be a text, not {type(value).__name__}")
    if holds_secret(value):
        raise InvalidInput(f"{name} holds a secret; take it out of the inventory and rotate that key")
    return value.strip() or None
