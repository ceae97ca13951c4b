"""What the server's answer to a body of uses, or to a heartbeat, means for those who sent it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from json import JSONDecodeError, loads
from typing import Any, TypeAlias

INTAKE_SCHEMA = "keyledger.intake/1"
PROBLEM = "application/problem+json"

# Said by keyledger itself, these are about the body; said by anything between, about the way there.
OF_THE_BODY = frozenset({400, 413, 422})
OF_THE_KEY = {
    401: "the server does not know this client's key (401): see KEYLEDGER_API_KEY",
    403: "this client's key may not do this (403): its scopes need `uses:append`, for checks `keys:check`",
}


@dataclass(frozen=True, slots=True)
class Taken:
    """The server has every line, but for those refused: number (from 1) or None beyond the told, reason."""

    stored: int = 0
    duplicates: int = 0
    refusals: Sequence[tuple[int | None, str]] = ()


@dataclass(frozen=True, slots=True)
class Unacceptable:
    """The server will never take this body as it is."""

    reason: str


@dataclass(frozen=True, slots=True)
class Later:
    """Nothing is known to be stored, and it may be sent again, no sooner than the server asked."""

    reason: str
    asked_s: float | None = None


Answer: TypeAlias = Taken | Unacceptable | Later


def read_answer(status: int, headers: Mapping[str, str], content: bytes, lines: int, now: datetime) -> Answer:
    """The meaning of an answer to so many lines (0: a heartbeat)."""
    if 200 <= status < 300:  # noqa: PLR2004 - the class of statuses that say yes
        return _taken(content, lines) if lines else Taken()
    if status in OF_THE_BODY and headers.get("content-type", "").startswith(PROBLEM):
        return Unacceptable(_problem(status, content))
    reason = OF_THE_KEY.get(status) or f"the server answered {status}"
    return Later(reason, retry_after(headers.get("retry-after"), now))


def _taken(content: bytes, lines: int) -> Answer:
    fields = _object(content)
    if fields.get("schema") != INTAKE_SCHEMA:
        return Later("what answered is no keyledger server: see KEYLEDGER_SERVER")
    counts = [fields.get(name) for name in ("stored", "duplicates", "refused")]
    stored, duplicates, refused = (count if isinstance(count, int) else 0 for count in counts)
    if stored + duplicates + refused != lines:
        return Later(f"the server tells of {stored + duplicates + refused} uses and {lines} were sent")
    refusals = list(_refusals(fields.get("refusals")))[:refused]
    refusals += [(None, "refused with others")] * (refused - len(refusals))
    return Taken(stored, duplicates, refusals)


def _refusals(told: object) -> Sequence[tuple[int | None, str]]:
    if not isinstance(told, list):
        return []
    found: list[tuple[int | None, str]] = []
    for each in told:
        line, reason = (each.get("line"), each.get("reason")) if isinstance(each, dict) else (None, None)
        found.append((line if isinstance(line, int) else None, str(reason or "no reason told")))
    return found


def _problem(status: int, content: bytes) -> str:
    fields = _object(content)
    said = fields.get("detail") or fields.get("title") or "no reason told"
    return f"{said} ({status})"


def _object(content: bytes) -> dict[str, Any]:
    try:
        fields = loads(content)
    except (JSONDecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}


def retry_after(text: str | None, now: datetime) -> float | None:
    """The seconds that a Retry-After header asks for, as a number or as a date; None for anything else."""
    if text is None:
        return None
    if text.strip().isdecimal():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (aware - now).total_seconds())
