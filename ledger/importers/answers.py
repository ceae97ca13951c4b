"""Recorded answers of a source's interface: read whole, each dated by its header or by what it tells."""

from collections.abc import Iterable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from pathlib import Path

from ledger.errors import InvalidInput
from ledger.importers.files import open_file
from ledger.importers.values import quoted
from ledger.moments import MICROSECOND, format_moment, moment_of
from ledger.usage import FUTURE_TOLERANCE

SUFFIXES = (".json", ".json.gz")
# Of AWS a thousand keys at the most, of a Google service account ten.
MAX_ANSWER = 16 * 1024 * 1024

_BOM = b"\xef\xbb\xbf"
_FUTURE_TOLERANCE_US = FUTURE_TOLERANCE // MICROSECOND


def answer_text(file: Path, asked: str) -> bytes:
    """What a file holds; InvalidInput for more than an answer to what was asked can be."""
    with open_file(file) as stream:
        text = stream.read(MAX_ANSWER + 1)
    if len(text) > MAX_ANSWER:
        raise InvalidInput(f"is larger than {MAX_ANSWER} bytes, so no answer of {asked}")
    return text.removeprefix(_BOM)


def answered_at(headers: Mapping[str, str], creations: Iterable[int | None], now: int) -> int:
    """When an answer was given, or a moment that it is at least as young as."""
    written = next((text for name, text in headers.items() if name.lower() == "date"), None)
    if written is not None:
        return _header_moment(written, now)
    known = [created_at for created_at in creations if created_at is not None and created_at <= now]
    if not known:
        raise InvalidInput("holds no date to go by; record the answer anew, with its HTTP headers")
    return max(known)


def _header_moment(written: str, now: int) -> int:
    try:
        answered = parsedate_to_datetime(written)
    except ValueError:
        raise InvalidInput(f"date header: {quoted(written)} is not a time") from None
    # HTTP knows no other zone; `-0000` in place of GMT would come back without one.
    at = moment_of(answered.replace(tzinfo=answered.tzinfo or UTC))
    if not 0 <= at <= now + _FUTURE_TOLERANCE_US:
        raise InvalidInput(f"the answer is of {format_moment(at)}, but it is {format_moment(now)} here")
    return at
