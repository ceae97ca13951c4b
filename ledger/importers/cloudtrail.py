"""AWS CloudTrail logs in every packing that they come in: who used which key, and what became of keys."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, TypeAlias

import msgspec

from ledger.errors import InvalidInput
from ledger.importers.aws import SOURCE
from ledger.importers.cloudtrail_record import REPORTER, Record, decode_record, observations_of, use_of
from ledger.importers.files import UNREADABLE, find_files, open_file, why_unreadable
from ledger.observation import Coverage, Observation
from ledger.usage import Refusal, Use

SUFFIXES = (".json", ".jsonl", ".ndjson", ".gz")
# CloudTrail's own files unpack to some 100 MB at the most; beyond this it is an attack or a mistake.
MAX_DOCUMENT = 512 * 1024 * 1024

CloudTrailItem: TypeAlias = Use | Observation | Coverage | Refusal

# What msgspec raises for text that is not JSON: bad syntax and broken UTF-8, or too deep a nesting.
UNPARSABLE = (ValueError, RecursionError)

_BOM = b"\xef\xbb\xbf"
_UNVOUCHED = "; uses may be missing, so this import vouches for no period"
_NOT_CLOUDTRAIL = "holds no CloudTrail records (a digest, or another program's file?); skipped"
_INSIGHTS = "holds CloudTrail Insights, which are statistics and no calls; those were skipped"


class _Envelope(msgspec.Struct):
    records: list[msgspec.Raw] | None = msgspec.field(default=None, name="Records")


_decode_document = msgspec.json.Decoder(list[msgspec.Raw] | _Envelope).decode


class _Span(msgspec.Struct):
    """The period of which an account's records were read."""

    first_at: int
    last_at: int


class _Survey(msgspec.Struct):
    """What the whole import saw, as far as it decides for which periods it can vouch."""

    spans: dict[str, _Span] = {}
    is_complete: bool = True

    def saw(self, account: str | None, at: int) -> None:
        """Widen the period of an account; a record of no account proves nothing about any."""
        if not account:
            return
        span = self.spans.setdefault(account, _Span(at, at))
        span.first_at = min(span.first_at, at)
        span.last_at = max(span.last_at, at)

    def lost(self, where: str, reason: str) -> Refusal:
        """The refusal of something in which a use may have been."""
        self.is_complete = False
        return Refusal(where, reason + _UNVOUCHED)

    def coverage(self) -> Iterator[Coverage]:
        """One for each account, unless a use may have been missed."""
        if not self.is_complete:
            return
        for account, span in sorted(self.spans.items()):
            yield Coverage(REPORTER, span.first_at, span.last_at, source=SOURCE, account=account)


def cloudtrail_files(paths: Iterable[Path]) -> list[Path]:
    """The files to read: those given and those in the folders given; `files.total_size` adds them up."""
    return find_files(paths, SUFFIXES)


def read_cloudtrail(
    paths: Iterable[Path], progress: Callable[[int], None] | None = None
) -> Iterator[CloudTrailItem]:
    """All that the files and folders say; `progress` is told the bytes as they are read.

    A path that does not exist raises InvalidInput at once; a file or record that cannot be read gives a
    Refusal. When anything was lost, the coverage at the end is left out: it would vouch for the lost too.
    """
    return _read_files(cloudtrail_files(paths), progress)


def _read_files(files: Iterable[Path], progress: Callable[[int], None] | None) -> Iterator[CloudTrailItem]:
    survey = _Survey()
    for file in files:
        yield from _FileReader(file.name, survey).read(file, progress)
    yield from survey.coverage()


class _FileReader:
    """The reading of one file."""

    def __init__(self, name: str, survey: _Survey) -> None:
        self._name = name
        self._survey = survey
        self._read = 0
        self._foreign = 0
        self._insights = 0

    def read(self, file: Path, progress: Callable[[int], None] | None) -> Iterator[CloudTrailItem]:
        try:
            with open_file(file, progress) as stream:
                yield from self._documents(stream)
        except UNREADABLE as error:
            yield self._survey.lost(self._name, why_unreadable(error))
        yield from self._notes()

    def _documents(self, stream: BinaryIO) -> Iterator[CloudTrailItem]:
        """One document over the whole file, or else one on each line."""
        first = stream.readline(MAX_DOCUMENT).removeprefix(_BOM)
        while first.isspace():
            first = stream.readline(MAX_DOCUMENT)
        if not first:
            yield self._survey.lost(self._name, "the file is empty; fetch it again")
            return
        try:
            records = _parse(first)
        except UNPARSABLE:
            yield from self._whole(first + stream.read(MAX_DOCUMENT))
        else:
            yield from self._records(records)
            yield from self._lines(iter(lambda: stream.readline(MAX_DOCUMENT), b""), 2)

    def _whole(self, text: bytes) -> Iterator[CloudTrailItem]:
        """A document of several lines; should it be none, the first of many may just be damaged."""
        try:
            records = _parse(text)
        except UNPARSABLE as error:
            lines = text.split(b"\n")
            if len(lines) > 1 and _is_parsable(lines[1]):
                yield from self._lines(lines, 1)
            elif text.lstrip().startswith((b"{", b"[")):
                yield self._survey.lost(self._name, _damage(text, error))
            else:
                yield Refusal(self._name, "is not JSON; skipped")
        else:
            yield from self._records(records)

    def _lines(self, lines: Iterable[bytes], start: int) -> Iterator[CloudTrailItem]:
        for number, line in enumerate(lines, start):
            if not line or line.isspace():
                continue
            try:
                records = _parse(line)
            except UNPARSABLE as error:
                self._read += 1
                yield self._survey.lost(f"{self._name} line {number}", _damage(line, error))
            else:
                yield from self._records(records)

    def _records(self, records: list[msgspec.Raw]) -> Iterator[CloudTrailItem]:
        for raw in records:
            self._read += 1
            where = f"{self._name} record {self._read}"
            try:
                yield from self._record(raw, where)
            except (InvalidInput, *UNPARSABLE) as error:
                yield self._survey.lost(where, str(error))

    def _record(self, raw: msgspec.Raw, where: str) -> Iterator[CloudTrailItem]:
        record = self._decoded(raw)
        if record is None:
            self._foreign += 1
        elif record.is_insight:
            self._insights += 1
        else:
            at = record.moment()
            self._survey.saw(record.account, at)
            yield from _items(record, at, where)

    def _decoded(self, raw: msgspec.Raw) -> Record | None:
        """The record; None for something else than a record of CloudTrail."""
        if not bytes(raw).lstrip().startswith(b"{"):
            return None
        record = decode_record(raw)
        return record if record.is_cloudtrail else None

    def _notes(self) -> Iterator[Refusal]:
        """What was passed over, in one line for the file, however many there were."""
        if self._insights:
            yield Refusal(self._name, _INSIGHTS)
        if self._foreign and self._foreign == self._read:
            yield Refusal(self._name, _NOT_CLOUDTRAIL)
        elif self._foreign:
            yield Refusal(
                self._name, f"{self._foreign} of {self._read} records are not CloudTrail's; skipped"
            )


def _items(record: Record, at: int, where: str) -> Iterator[CloudTrailItem]:
    use = use_of(record, at, where)
    if use is not None:
        yield use
    yield from observations_of(record, at, where)


def _parse(text: bytes) -> list[msgspec.Raw]:
    """The records of a document, still packed; raises one of UNPARSABLE for what is not JSON."""
    try:
        document = _decode_document(text)
    except msgspec.ValidationError:
        # Sound JSON of another shape; as a record it will turn out to be foreign.
        return [msgspec.Raw(text)]
    if isinstance(document, list):
        return document
    return [msgspec.Raw(text)] if document.records is None else document.records


def _is_parsable(text: bytes) -> bool:
    try:
        _parse(text)
    except UNPARSABLE:
        return False
    return True


def _damage(text: bytes, error: BaseException) -> str:
    if len(text) >= MAX_DOCUMENT:
        return f"is larger than {MAX_DOCUMENT} bytes; split it"
    return f"is damaged JSON ({error}); fetch it again"
