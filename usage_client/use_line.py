"""A use as one line of JSON: what stands in the spool is what is sent, byte for byte, however often."""

from collections.abc import Mapping
from dataclasses import dataclass
from json import JSONEncoder, loads
from typing import Any

from usage_client.secret import holds_secret

MAX_TEXT = 512

_encode = JSONEncoder(separators=(",", ":")).encode


class BadUse(ValueError):
    """What was to be recorded is no use; the message says why and holds no secret."""


@dataclass(frozen=True, slots=True)
class RefusedUse:
    """A use that will not be stored, as it was to be sent, and why."""

    use: Mapping[str, Any]
    reason: str


def write_line(fields: Mapping[str, object]) -> bytes:
    """The line of a use, without its end; what is None or False is left out."""
    return _encode({name: value for name, value in fields.items() if value}).encode("ascii")


def read_line(line: bytes) -> dict[str, Any]:
    """The fields of a line that `write_line` wrote."""
    fields: dict[str, Any] = loads(line)
    return fields


def check_key(key: str) -> None:
    """Raise BadUse where the key is not named by its id, an outside id or a name."""
    check_text("key", key)
    if not key:
        raise BadUse("key is empty; give the key's id")
    if holds_secret(key):
        raise BadUse("that is a secret, not a key's id; the verdict of a check has the id")


def check_use(key: str, service: str | None, use_id: str | None) -> None:
    """Raise BadUse where one of the texts that say which use it is cannot be right."""
    check_key(key)
    for name, text in (("service", service), ("use_id", use_id)):
        if text is not None:
            check_text(name, text)
            if holds_secret(text):
                raise BadUse(f"{name} holds a secret, which must be stored nowhere")


def check_text(name: str, text: str) -> None:
    """Raise BadUse for a text that the server would refuse."""
    if len(text) > MAX_TEXT:
        raise BadUse(f"{name} has {len(text)} characters; {MAX_TEXT} is the most")
    if "\0" in text:
        raise BadUse(f"{name} holds a NUL character")
