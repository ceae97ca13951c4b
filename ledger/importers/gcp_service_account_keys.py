"""Answers of Google Cloud about the keys of service accounts: their ids, states and creations.

Keys that Google itself makes and rotates (SYSTEM_MANAGED) are passed over: nobody holds them.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeAlias

import msgspec

from ledger.errors import InvalidInput
from ledger.events import KeyState
from ledger.importers.answers import SUFFIXES, answer_text, answered_at
from ledger.importers.files import UNREADABLE, find_files, why_unreadable
from ledger.importers.values import moment_in, quoted
from ledger.moments import format_moment
from ledger.observation import ExternalKey, Observation
from ledger.usage import Doubt, OnDoubt, Refusal

REPORTER = "gcp-service-account-keys"
SOURCE = "gcp"

ServiceAccountKeyItem: TypeAlias = Observation | Refusal

_NAME = re.compile(
    r"projects/(?P<project>[\w.:-]{1,64})/serviceAccounts/(?P<owner>[^/\s]{1,254})/keys/[\w-]{1,64}", re.ASCII
)
_OWNERLESS = "SYSTEM_MANAGED"
_ASKED = "serviceAccounts.keys"


class _Key(msgspec.Struct, rename="camel"):
    name: str
    valid_after_time: str | None = None
    key_type: str | None = None
    disabled: bool = False


class _Body(msgspec.Struct):
    keys: list[_Key] | None = None


class _Recorded(msgspec.Struct):
    """An answer with its HTTP headers, as recorders keep it."""

    body: msgspec.Raw
    headers: dict[str, str] = {}


_recorded = msgspec.json.Decoder(_Recorded).decode
_list = msgspec.json.Decoder(list[_Key]).decode
_body = msgspec.json.Decoder(_Body).decode
_key = msgspec.json.Decoder(_Key).decode


def read_service_account_keys(
    paths: Iterable[Path], now: int, on_doubt: OnDoubt = lambda _doubt: None
) -> Iterator[ServiceAccountKeyItem]:
    """What the answers in the files and folders say; InvalidInput at once for a path that does not exist.

    An answer is what the interface lists or tells of one key, with or without its headers, or what `gcloud
    iam service-accounts keys list --format json` prints. It was given when its `date` header says; without
    one, it is at least as young as its newest creation that is not after `now`. `on_doubt` hears of each key
    whose creation cannot be right.
    """
    return _read_files(find_files(paths, SUFFIXES), now, on_doubt)


def _read_files(files: Iterable[Path], now: int, on_doubt: OnDoubt) -> Iterator[ServiceAccountKeyItem]:
    for file in files:
        try:
            yield from _answer_items(answer_text(file, _ASKED), file.name, now, on_doubt)
        except UNREADABLE as error:
            yield Refusal(file.name, why_unreadable(error))
        except InvalidInput as error:
            yield Refusal(file.name, str(error))


def _answer_items(text: bytes, where: str, now: int, on_doubt: OnDoubt) -> Iterator[ServiceAccountKeyItem]:
    headers, keys = _answer(text)
    listed: list[Observation] = []
    for key in keys:
        if key.key_type != _OWNERLESS:
            try:
                listed.append(_observation(key, where))
            except InvalidInput as error:
                yield Refusal(where, f"{quoted(key.name)}: {error}")
    if listed:
        at = answered_at(headers, (each.created_at for each in listed), now)
        yield from (_dated(each, at, on_doubt) for each in listed)


def _answer(text: bytes) -> tuple[dict[str, str], list[_Key]]:
    try:
        if text.lstrip()[:1] == b"[":
            return {}, _list(text)
        try:
            recorded = _recorded(text)
        except msgspec.ValidationError:
            return {}, _keys(text)
        return recorded.headers, _keys(bytes(recorded.body))
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"is no answer about service account keys: {error}") from None


def _keys(text: bytes) -> list[_Key]:
    listed = _body(text).keys
    return [_key(text)] if listed is None else listed


def _observation(key: _Key, where: str) -> Observation:
    """What is said of a key, at a moment that is not known yet."""
    name = _NAME.fullmatch(key.name)
    if name is None:
        raise InvalidInput("is not the name of a key: projects/.../serviceAccounts/.../keys/...")
    created = key.valid_after_time
    return Observation(
        key=ExternalKey(SOURCE, key.name, account=name["project"]),
        occurred_at=0,
        reporter=REPORTER,
        state=KeyState.DISABLED if key.disabled else KeyState.ACTIVE,
        created_at=moment_in("validAfterTime", created) if created else None,
        owner=name["owner"],
        where=where,
    )


def _dated(key: Observation, at: int, on_doubt: OnDoubt) -> Observation:
    created_at = key.created_at
    if created_at is not None and created_at > at:
        reason = (
            f"validAfterTime of {key.key.external_id}: {format_moment(created_at)} is after the answer itself"
            f" ({format_moment(at)}); the key is kept, its creation counts as unknown"
        )
        on_doubt(Doubt(key.where, reason))
        created_at = None
    return msgspec.structs.replace(key, occurred_at=at, created_at=created_at)
