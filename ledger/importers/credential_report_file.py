"""The file of an AWS IAM credential report: CSV, plain or inside the answer of the AWS command line."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from ledger.errors import InvalidInput
from ledger.importers.files import UNREADABLE, open_file, why_unreadable
from ledger.importers.values import moment_in

SLOTS = (1, 2)
# An account has 5,000 users unless AWS allows more, and a user takes some 400 bytes.
MAX_REPORT = 256 * 1024 * 1024

_SLOT_COLUMNS = ("active", "last_rotated", "last_used_date", "last_used_service")
_REQUIRED = ("user", "arn", *(f"access_key_{slot}_{column}" for slot in SLOTS for column in _SLOT_COLUMNS))
_REMEDY = "save what `aws iam get-credential-report` answers"


class Row(msgspec.Struct, frozen=True):
    """A user of the report, by column name; `defect` says why the row cannot be read."""

    line: int
    cells: dict[str, str]
    defect: str | None = None


class CredentialReport(msgspec.Struct, frozen=True):
    """A report as it was read; `generated_at` is None where the file does not say it."""

    rows: list[Row]
    generated_at: int | None = None


class _Answer(msgspec.Struct):
    content: bytes = msgspec.field(name="Content")
    generated_time: str | None = msgspec.field(default=None, name="GeneratedTime")


_decode_answer = msgspec.json.Decoder(_Answer).decode


def load_credential_report(path: Path) -> CredentialReport:
    """Read the file, once, so that it may be a pipe; InvalidInput for anything else than a report."""
    try:
        with open_file(path) as stream:
            return parse_credential_report(stream, str(path))
    except UNREADABLE as error:
        raise InvalidInput(f"{path}: {why_unreadable(error)}") from None


def parse_credential_report(stream: BinaryIO, name: str) -> CredentialReport:
    """The report that a stream holds; InvalidInput, which calls it `name`, for anything else."""
    try:
        return _report(_content(stream))
    except InvalidInput as error:
        raise InvalidInput(f"{name} is no IAM credential report: {error}; {_REMEDY}") from None


def _content(stream: BinaryIO) -> bytes:
    content = stream.read(MAX_REPORT + 1)
    if len(content) > MAX_REPORT:
        raise InvalidInput(f"it is larger than {MAX_REPORT} bytes")
    return content


def _report(content: bytes) -> CredentialReport:
    if not content.lstrip().startswith(b"{"):
        return CredentialReport(list(_rows(content)))
    try:
        answer = _decode_answer(content)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"it is JSON, but not the answer that holds a report ({error})") from None
    generated_at = moment_in("GeneratedTime", answer.generated_time) if answer.generated_time else None
    return CredentialReport(list(_rows(answer.content)), generated_at)


def _rows(content: bytes) -> Iterator[Row]:
    lines = csv.reader(io.StringIO(_text(content), newline=""))
    try:
        header = next(lines, [])
        _check_header(header)
        for cells in lines:
            if cells:
                yield _row(lines.line_num, header, cells)
    except csv.Error as error:
        raise InvalidInput(f"line {lines.line_num} is not CSV ({error})") from None


def _text(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidInput("it is not UTF-8 text") from None


def _check_header(header: list[str]) -> None:
    missing = [column for column in _REQUIRED if column not in header]
    if missing:
        raise InvalidInput(f"its first line does not name the column {missing[0]}")


def _row(line: int, header: list[str], cells: list[str]) -> Row:
    if len(cells) != len(header):
        return Row(line, {}, f"{len(cells)} columns instead of {len(header)}; is the line damaged?")
    return Row(line, dict(zip(header, (cell.strip() for cell in cells), strict=True)))
