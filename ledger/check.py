"""Is a presented secret valid? The verdict, and in the same transaction the use or the denial that it is."""

from collections.abc import Callable, Mapping, Sequence

from sqlalchemy import Connection

from ledger import credentials, ids
from ledger.database import Database
from ledger.denials import count_nowhere, denials_wait, flush_denied, record_denials
from ledger.dialect import EventRow
from ledger.encoding import encode
from ledger.event_store import EventRecorder
from ledger.events import KeyUsed, KeyUseDenied
from ledger.secret import Peppers, Secret
from ledger.verdict import (
    UNKNOWN,
    Answer,
    Presented,
    Question,
    Verdict,
    judge,
    question,
    standing_of,
    verdict_on,
)

# What of an id of a use is not its moment.
_HASHED = 10


def check(  # noqa: PLR0913, PLR0917 - clock and randomness are arguments too
    recorder: EventRecorder,
    peppers: Peppers,
    secret: Secret,
    presented: Presented,
    clock: Callable[[], int],
    random_bytes: ids.RandomBytes,
) -> Verdict:
    """Answer for a presented secret; what the answer rests on is durable before it is given.

    Raises InvalidInput where the circumstances cannot be recorded.
    """
    asked = question(peppers, secret, presented)
    if not asked.fingerprints:
        return UNKNOWN
    hearing = Hearing(recorder, [asked], clock, random_bytes)
    (answer,) = recorder.database.insist(hearing.answers)
    return answer.verdict


def look(database: Database, peppers: Peppers, secret: Secret, now: int) -> Verdict:
    """Answer for a presented secret without recording that it was."""
    # One of a wrong form is found nowhere: to look at its form first would cost every check as much again.
    for row in database.look_up(credentials.STANDINGS, peppers.fingerprints(secret)):
        return verdict_on(standing_of(row[1:]), now)
    return UNKNOWN


class Hearing:
    """Questions that are answered in one transaction, with all that the answers rest on.

    The clock is read under the append lock, so that a key which expires during the wait for it is refused.
    """

    def __init__(
        self,
        recorder: EventRecorder,
        questions: Sequence[Question],
        clock: Callable[[], int],
        random_bytes: ids.RandomBytes,
    ) -> None:
        self._database = recorder.database
        self._questions = questions
        self._clock = clock
        self._records = Records(recorder, random_bytes)

    def answers(self, _tries: int = 0) -> list[Answer]:
        """The answers in the order of the questions, durable; another try finds what a lost one recorded."""
        wanted = all_fingerprints(self._questions)
        with self._database.write() as connection:
            now = self._clock()
            standings = credentials.standings(self._database, connection, wanted)
            answers = [judge(asked, standings, now) for asked in self._questions]
            self._records.store(connection, [answer.event for answer in answers], now)
        return answers


def all_fingerprints(questions: Sequence[Question]) -> Sequence[bytes]:
    """All that must be looked up to answer, each once."""
    return list(dict.fromkeys(each for asked in questions for each in asked.all_fingerprints))


class Records:
    """Uses and denials on their way to the disk, where a try whose answer was lost may have stored them."""

    def __init__(self, recorder: EventRecorder, random_bytes: ids.RandomBytes) -> None:
        self._recorder = recorder
        self._random_bytes = random_bytes
        self._tried: dict[int, EventRow] = {}
        # Denials have no ids, so of a try that counted some the mark that it left is looked for.
        self._counting: dict[object, set[int]] = {}

    def store(
        self, connection: Connection, events: Sequence[KeyUsed | KeyUseDenied | None], now: int
    ) -> None:
        """Record in a write transaction; one check is one event, so the place in the list tells it again."""
        # Before what is over is told: marks go then, too.
        stored, counted = self._standing(connection), self._counted(connection)
        if denials_wait(connection, now):
            flush_denied(connection, self._recorder, now)
        uses = {
            place: event
            for place, event in enumerate(events)
            if isinstance(event, KeyUsed) and place not in stored
        }
        denials = {
            place: event
            for place, event in enumerate(events)
            if isinstance(event, KeyUseDenied) and place not in counted
        }
        rows = self._rows(uses)
        if denials or counted:
            # Of what is counted already, too: its own mark may be over by the next try.
            mark = self._recorder.database.dialect.mark(connection, now)
            self._counting[mark] = counted | set(denials)
        if denials:
            rows += record_denials(connection, denials.values())
        if rows:
            self._recorder.append(connection, rows)
        elif not (denials or stored or counted):
            count_nowhere(connection, self._recorder.database.dialect, now)

    def _rows(self, uses: Mapping[int, KeyUsed]) -> list[EventRow]:
        # All at once: to ask the system for each gives way to other threads, and waits to be let on.
        drawn = self._random_bytes(_HASHED * len(uses)) if uses else b""
        rows: list[EventRow] = []
        for number, (place, event) in enumerate(uses.items()):
            hashed = drawn[_HASHED * number : _HASHED * (number + 1)]
            row = (ids.timed_id(event.occurred_at, hashed), 1, event.topic, encode(event))
            self._tried[place] = row
            rows.append(row)
        return rows

    def _counted(self, connection: Connection) -> set[int]:
        """The places of denials that an earlier try has counted after all."""
        if not self._counting:
            return set()
        dialect = self._recorder.database.dialect
        # Under the lock: whatever is not committed by now never will be.
        self._counting = {
            mark: places for mark, places in self._counting.items() if dialect.was_committed(connection, mark)
        }
        dialect.confirm(connection)
        return set().union(*self._counting.values())

    def _standing(self, connection: Connection) -> set[int]:
        """The places of uses that an earlier try has stored after all."""
        if not self._tried:
            return set()
        dialect = self._recorder.database.dialect
        found = {
            bytes(row[0]) for row in dialect.standing(connection, [row[0] for row in self._tried.values()])
        }
        dialect.confirm(connection)
        return {place for place, row in self._tried.items() if row[0] in found}
