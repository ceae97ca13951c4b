"""Uses as services write them, one JSON object a line: the bulk path into the ledger."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias, TypeVar

import msgspec

from ledger.errors import InvalidInput, Refused
from ledger.importers.values import moment_in, quoted
from ledger.secret import holds_secret, mask_much
from ledger.usage import Refusal, Use

MAX_LINE = 64 * 1024

PauseT = TypeVar("PauseT")
Resolve: TypeAlias = Callable[[str], bytes | None]
# Key, service, caller, reporter, address and agent.
Texts: TypeAlias = tuple[str | None, ...]

_BOM = b"\xef\xbb\xbf"


class Line(msgspec.Struct, forbid_unknown_fields=True):
    """What a line may hold. `error` says that all its uses failed, `error_count` how many of them did."""

    key: str
    service: str
    occurred_at: str
    id: str | None = None
    caller: str | None = None
    reporter: str | None = None
    source_ip: str | None = None
    user_agent: str | None = None
    count: int = 1
    error: bool | int | float | str | None = None
    error_count: int | None = None
    last_at: str | None = None


_REQUIRED = ("key", "service", "occurred_at")
_ALLOWED = Line.__struct_fields__
_TEXTS = ("service", "caller", "reporter", "source_ip", "user_agent")
_CHECKED_TEXTS = 10_000
_REMEMBERED_LENGTH = 500

_EXAMPLE = '{"key": "billing-prod", "service": "payments", "occurred_at": "2024-05-31T12:00:00Z"}'

_decode = msgspec.json.Decoder(Line).decode

# Texts in which no secret is, of whichever stream.
_checked: set[Texts] = set()


def read_uses(
    lines: Iterable[bytes | PauseT], resolve: Resolve, skip: int = 0
) -> Iterator[Use | Refusal | PauseT]:
    """The use on each line, or why it is none; blank lines are passed over but counted, and so are `skip`.

    What is no line, but says that more are awaited, is passed on. `resolve` gives the id of the key
    that an id, the start of one or a name means, None for an unknown one. It is asked for every line, so it
    should remember. `files.bounded_lines` keeps memory bounded. In the end InvalidInput says that there were
    fewer lines than to be passed over.
    """
    number = 0
    for line in lines:
        if not isinstance(line, bytes):
            yield line
            continue
        number += 1
        if number <= skip or line.isspace() or not line:
            continue
        try:
            yield _use(_line(line), resolve, number)
        except Refused as error:
            yield Refusal(number, mask_much(str(error)))
    if number < skip:
        raise InvalidInput(
            f"the input ends after line {number}, within the {skip} lines to pass over: is it the right one?"
        )


def _use(line: Line, resolve: Resolve, number: int) -> Use:
    _check_texts(line)
    key = resolve(line.key)
    if key is None:
        raise InvalidInput(
            f"unknown key {quoted(line.key)}:"
            " `keyledger key list` shows the keys, `keyledger key create` makes one"
        )
    return Use(
        key,
        line.service,
        moment_in("occurred_at", line.occurred_at),
        # An empty text says nothing; as an id it would make one use of all that share a moment.
        line.id or None,
        line.caller or None,
        line.reporter or None,
        line.source_ip or None,
        line.user_agent or None,
        line.count,
        _error_count(line),
        None if line.last_at is None else moment_in("last_at", line.last_at),
        number,
    )


def _error_count(line: Line) -> int:
    if line.error_count is None:
        return line.count if line.error else 0
    if line.error is not None:
        raise InvalidInput(
            "error and error_count are both given; error means that all uses of the line failed"
        )
    return line.error_count


def _check_texts(line: Line) -> None:
    """Refuse a secret in any text; most lines say again what others said."""
    texts = (line.key, line.service, line.caller, line.reporter, line.source_ip, line.user_agent)
    if texts not in _checked:
        if not line.key:
            raise InvalidInput("key is empty; give the key's id or name")
        if holds_secret(line.key):
            raise InvalidInput("that is a secret, not a key id; give the key's id or name")
        for field, text in zip(_TEXTS, texts[1:], strict=True):
            _refuse_secret(field, text)
        _remember(texts)
    _refuse_secret("id", line.id)


def _remember(texts: Texts) -> None:
    """Only what is short, as what is said again and again is: a line may hold very much."""
    if sum(map(len, filter(None, texts))) <= _REMEMBERED_LENGTH:
        if len(_checked) >= _CHECKED_TEXTS:
            _checked.clear()
        _checked.add(texts)


def _refuse_secret(field: str, text: str | None) -> None:
    if text is not None and holds_secret(text):
        raise InvalidInput(f"{field} holds a secret; leave it out and rotate that key")


def _line(text: bytes) -> Line:
    if len(text) > MAX_LINE:
        raise InvalidInput(f"the line is longer than {MAX_LINE} bytes; write one JSON object a line")
    try:
        return _decode(text)
    except (ValueError, RecursionError):
        return _second_look(text.removeprefix(_BOM))


def _second_look(text: bytes) -> Line:
    """The line after all, if only a byte order mark was in the way; otherwise the precise reason against it.

    Good lines are decoded once; only what failed is taken apart.
    """
    fields = _fields(text)
    unknown = [quoted(field) for field in fields if field not in _ALLOWED]
    if unknown:
        raise InvalidInput(f"unknown field {', '.join(unknown[:3])}; allowed are {', '.join(_ALLOWED)}")
    missing = [field for field in _REQUIRED if field not in fields]
    if missing:
        raise InvalidInput(f"{' and '.join(missing)} missing; every line needs {', '.join(_REQUIRED)}")
    try:
        return _decode(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"wrong type: {error}") from None


def _fields(text: bytes) -> dict[str, object]:
    try:
        fields = msgspec.json.decode(text)
    except UnicodeDecodeError as error:
        raise InvalidInput(f"not UTF-8 ({error.reason}); save the file as UTF-8") from None
    except RecursionError:
        raise InvalidInput("not a use: nested too deeply") from None
    except msgspec.ValidationError as error:
        raise InvalidInput(f"not a use: {error}") from None
    except ValueError as error:
        raise InvalidInput(f"not JSON: {error}") from None
    if not isinstance(fields, dict):
        raise InvalidInput(f"not an object; write one like {_EXAMPLE}")
    return fields
