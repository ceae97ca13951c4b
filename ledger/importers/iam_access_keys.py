"""Answers of AWS ListAccessKeys: the id, state and creation of the access keys of a user."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeAlias

import msgspec

from ledger.errors import InvalidInput
from ledger.events import KeyState
from ledger.importers.answers import SUFFIXES, answer_text, answered_at
from ledger.importers.aws import access_key
from ledger.importers.files import UNREADABLE, find_files, why_unreadable
from ledger.importers.values import moment_in, quoted
from ledger.moments import format_moment
from ledger.observation import Observation
from ledger.usage import Doubt, OnDoubt, Refusal

REPORTER = "iam-access-keys"

AccessKeyItem: TypeAlias = Observation | Refusal

_STATES = {"Active": KeyState.ACTIVE, "Inactive": KeyState.DISABLED}


class _Datetime(msgspec.Struct):
    """A moment in UTC, part by part, as recorded by placebo."""

    year: int
    month: int
    day: int
    hour: int = 0
    minute: int = 0
    second: int = 0
    microsecond: int = 0

    def as_text(self) -> str:
        day = f"{self.year:04}-{self.month:02}-{self.day:02}"
        return f"{day}T{self.hour:02}:{self.minute:02}:{self.second:02}.{self.microsecond:06}Z"


class _Metadata(msgspec.Struct, rename="pascal"):
    access_key_id: str
    create_date: str | _Datetime | None = None
    status: str | None = None
    user_name: str | None = None


class _Response(msgspec.Struct):
    headers: dict[str, str] = msgspec.field(default_factory=dict, name="HTTPHeaders")


class _Answer(msgspec.Struct, rename="pascal"):
    access_key_metadata: list[_Metadata] | None = None
    response_metadata: _Response | None = None
    data: "_Answer | None" = msgspec.field(default=None, name="data")


class _Listed(msgspec.Struct, frozen=True):
    """A key of the answer; the moment of its creation as the answer tells it, be it right or not."""

    key_id: str
    owner: str | None
    status: str | None
    created_at: int | None


_decode = msgspec.json.Decoder(_Answer).decode


def read_access_keys(
    paths: Iterable[Path], now: int, on_doubt: OnDoubt = lambda _doubt: None
) -> Iterator[AccessKeyItem]:
    """What the answers in the files and folders say; InvalidInput at once for a path that does not exist.

    An answer was given when its `date` header says. Without one, it is at least as young as its newest
    creation that is not after `now`. `on_doubt` hears of each key whose creation cannot be right.
    """
    return _read_files(find_files(paths, SUFFIXES), now, on_doubt)


def _read_files(files: Iterable[Path], now: int, on_doubt: OnDoubt) -> Iterator[AccessKeyItem]:
    for file in files:
        try:
            yield from _answer_items(_load(file), file.name, now, on_doubt)
        except UNREADABLE as error:
            yield Refusal(file.name, why_unreadable(error))
        except InvalidInput as error:
            yield Refusal(file.name, str(error))


def _load(file: Path) -> _Answer:
    text = answer_text(file, "ListAccessKeys")
    try:
        answer = _decode(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"is no answer of ListAccessKeys: {error}") from None
    return answer.data or answer


def _answer_items(answer: _Answer, where: str, now: int, on_doubt: OnDoubt) -> Iterator[AccessKeyItem]:
    if answer.access_key_metadata is None:
        raise InvalidInput("is no answer of ListAccessKeys: it has no AccessKeyMetadata")
    listed: list[_Listed] = []
    for metadata in answer.access_key_metadata:
        try:
            listed.append(_listed(metadata))
        except InvalidInput as error:
            yield Refusal(where, f"{quoted(metadata.access_key_id)}: {error}")
    if listed:
        headers = answer.response_metadata.headers if answer.response_metadata else {}
        at = answered_at(headers, (key.created_at for key in listed), now)
        for key in listed:
            yield _observation(key, at, where, on_doubt)


def _listed(metadata: _Metadata) -> _Listed:
    access_key(metadata.access_key_id, None)
    if metadata.status is not None and metadata.status not in _STATES:
        raise InvalidInput(f"Status {quoted(metadata.status)} is neither Active nor Inactive")
    created_at = _moment(metadata.create_date)
    return _Listed(metadata.access_key_id, metadata.user_name or None, metadata.status, created_at)


def _moment(written: str | _Datetime | None) -> int | None:
    text = written.as_text() if isinstance(written, _Datetime) else written
    return moment_in("CreateDate", text) if text else None


def _observation(listed: _Listed, at: int, where: str, on_doubt: OnDoubt) -> Observation:
    created_at = listed.created_at
    if created_at is not None and created_at > at:
        reason = (
            f"CreateDate of {listed.key_id}: {format_moment(created_at)} is after the answer itself"
            f" ({format_moment(at)}); the key is kept, its creation counts as unknown"
        )
        on_doubt(Doubt(where, reason))
        created_at = None
    return Observation(
        key=access_key(listed.key_id, None),
        occurred_at=at,
        reporter=REPORTER,
        state=_STATES[listed.status] if listed.status else None,
        created_at=created_at,
        owner=listed.owner,
        where=where,
    )
