"""Batches: items checked and made the rows that they become, or refused."""

from collections.abc import Sequence
from typing import Any

import msgspec

from ledger import credentials, ids
from ledger.acceptance import Acceptance, Tails
from ledger.actor import Stamp
from ledger.database import Database
from ledger.errors import InvalidInput
from ledger.events import Event
from ledger.observation import (
    Coverage,
    ExternalKey,
    Observation,
    UsageSummary,
    check_texts,
    content_id,
    covered,
    observed,
    observed_key_id,
    summarized,
)
from ledger.outside import Told
from ledger.repeats import Entry, entry_of
from ledger.usage import Refusal, Use, check_not_future


class Batch(msgspec.Struct):
    """Items on their way to the disk: what can be stored, what is refused, and where the last was read.

    Where all that can be stored are uses of keys that are known it is `familiar`; `packed` where all are
    taken to be new, too.
    """

    entries: list[Entry[Told]]
    refusals: list[Refusal]
    stamp: Stamp
    reached: str | int
    familiar: bool = True
    packed: object = None


class Preparation:
    """Makes batches of what one process is told; `known` are the organization's keys that it has met."""

    def __init__(
        self, database: Database, random_bytes: ids.RandomBytes, known: set[bytes], tails: Tails
    ) -> None:
        self._database = database
        self._random_bytes = random_bytes
        self._known = known
        self._ids: dict[ExternalKey, bytes] = {}
        self._tails = tails

    def batch(self, items: Sequence[Told | Refusal], stamp: Stamp) -> Batch:
        """A batch of some items, of which there is one at least."""
        acceptance = Acceptance(stamp, self._random_bytes, self._tails)
        batch = Batch(self._plain(items, acceptance), [], stamp, items[-1].where)
        if not batch.entries:
            self._sort_out(items, acceptance, batch)
        return batch

    def _plain(self, items: Sequence[Told | Refusal], acceptance: Acceptance) -> list[Entry[Told]]:
        """All of them where they are uses of known keys and none is refused, as nearly always; else none."""
        uses: list[Use] = []
        key_ids: list[bytes] = []
        for item in items:
            if not isinstance(item, Use) or item.key not in self._known:
                return []
            uses.append(item)
            key_ids.append(item.key)
        try:
            return list(map(Entry, uses, acceptance.rows(uses, key_ids)))
        except (InvalidInput, UnicodeEncodeError):
            return []

    def _sort_out(self, items: Sequence[Told | Refusal], acceptance: Acceptance, batch: Batch) -> None:
        known, stamp = self._known, batch.stamp
        row, store = acceptance.row, batch.entries.append
        asked = False
        for item in items:
            try:
                if isinstance(item, Use):
                    key: Any = item.key
                    if key not in known:
                        if not asked:
                            self._learn(items, stamp.organization_id)
                            asked = True
                        key = self._key_of(item, stamp)
                        batch.familiar = batch.familiar and key in known
                    store(Entry(item, row(item, key)))
                elif isinstance(item, Refusal):
                    batch.refusals.append(item)
                else:
                    batch.familiar = False
                    event = self._event(item, stamp)
                    store(entry_of(item, content_id(event), event))
            except InvalidInput as error:
                batch.refusals.append(Refusal(item.where, str(error)))
            except UnicodeEncodeError:
                told = "a text in it is not Unicode and cannot be stored"
                batch.refusals.append(Refusal(item.where, told))

    def _learn(self, items: Sequence[Told | Refusal], organization_id: bytes) -> None:
        keys = {item.key for item in items if isinstance(item, Use)} - self._known
        asked = {key for key in keys if isinstance(key, bytes)}
        if asked:

            def known(_tries: int) -> set[bytes]:
                with self._database.read() as connection:
                    return credentials.known(connection, organization_id, asked)

            self._known.update(self._database.insist(known))

    def _key_id(self, key: bytes | ExternalKey, organization_id: bytes) -> bytes:
        if isinstance(key, bytes):
            return key
        key_id = self._ids.get(key)
        if key_id is None:
            check_texts(key)
            key_id = self._ids[key] = observed_key_id(organization_id, key)
        return key_id

    def _event(self, item: Observation | UsageSummary | Coverage, stamp: Stamp) -> Event:
        check_texts(item)
        match item:
            case Observation():
                check_not_future(item.occurred_at, stamp.recorded_at)
                return observed(item, self._key_id(item.key, stamp.organization_id), stamp)
            case UsageSummary():
                check_not_future(item.covers_to, stamp.recorded_at)
                return summarized(item, self._key_id(item.key, stamp.organization_id), stamp)
            case Coverage():
                check_not_future(item.covers_to, stamp.recorded_at)
                return covered(item, stamp)

    def _key_of(self, use: Use, stamp: Stamp) -> bytes:
        if not isinstance(use.key, bytes):
            check_texts(use.key)
            return self._key_id(use.key, stamp.organization_id)
        if use.key not in self._known:
            raise InvalidInput(f"unknown key {ids.format_id(use.key)}; `keyledger key list` shows the keys")
        return use.key
