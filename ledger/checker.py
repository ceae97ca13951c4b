"""Many checks at once: those that come while others are being committed share the next commit."""

import logging
from collections.abc import Callable, Sequence
from time import sleep
from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar

import msgspec

from ledger import credentials, ids
from ledger.check import Hearing, Records, all_fingerprints
from ledger.errors import Overloaded
from ledger.event_store import EventRecorder
from ledger.events import KeyUsed, KeyUseDenied
from ledger.groups import Groups
from ledger.secret import Peppers, Secret
from ledger.verdict import UNKNOWN, Answer, Asker, Presented, Question, fingerprints, judge, question

if TYPE_CHECKING:
    from concurrent.futures import Future

MOST_WAITING = 4_096
LARGEST_GROUP = 512
PATIENCE_S = 5.0

MOST_UNRECORDED = 10_000
RECORD_EVERY_S = 0.1
_RECORDED_AT_ONCE = 1_000
_RETRY_S = 0.5

_log = logging.getLogger("keyledger")

T = TypeVar("T")

# Hears what came of some questions, each with the ticket that was given along with it.
Deliver: TypeAlias = Callable[[Sequence[tuple[T, Answer | Exception]]], object]


class AskedBy(msgspec.Struct, frozen=True):
    """Who asks: his own secret, what it must be good for, and the circumstances."""

    secret: Secret
    scope: str
    presented: Presented


class Checker(Generic[T]):
    """Answers with the semantics of `check`, in groups; `deliver` is called from a thread of its own.

    With `records_after` an answer does not wait for the disk. It is as of the latest commit when it is given,
    so an end of a key holds as it does otherwise, but a process that is killed leaves unrecorded at most the
    MOST_UNRECORDED last uses and denials: those of the last RECORD_EVERY_S and of the commit that was under
    way. Where the database takes no more, no more is answered.
    """

    def __init__(  # noqa: PLR0913 - clock and randomness are arguments too
        self,
        recorder: EventRecorder,
        peppers: Peppers,
        clock: Callable[[], int],
        random_bytes: ids.RandomBytes,
        deliver: Deliver[T],
        *,
        records_after: bool = False,
    ) -> None:
        self._recorder = recorder
        self._peppers = peppers
        self._clock = clock
        self._random_bytes = random_bytes
        self._deliver = deliver
        self._cannot_record = False
        self._gave_up = False
        self._late: Groups[KeyUsed | KeyUseDenied] | None = None
        if records_after:
            self._late = Groups(
                "keyledger-record",
                self._record,
                most_waiting=MOST_UNRECORDED,
                largest=_RECORDED_AT_ONCE,
                pause_s=RECORD_EVERY_S,
            )
        self._questions: Groups[tuple[T, Question]] = Groups(
            "keyledger-check",
            self._answer_at_once if records_after else self._answer,
            most_waiting=MOST_WAITING,
            largest=LARGEST_GROUP,
        )

    def __len__(self) -> int:
        """How many wait for an answer."""
        return len(self._questions)

    def ask(self, secret: Secret, presented: Presented, ticket: T, asked_by: AskedBy | None = None) -> None:
        """Ask about a secret; what comes of it is delivered with the ticket.

        Raises InvalidInput where the circumstances cannot be recorded, Overloaded where too many wait.
        """
        asker = None
        if asked_by is not None:
            asker = Asker(fingerprints(self._peppers, asked_by.secret), asked_by.scope, asked_by.presented)
        asked = question(self._peppers, secret, presented, asker)
        if asker is not None and not asker.fingerprints:
            self._deliver([(ticket, Answer(UNKNOWN, UNKNOWN))])
        elif not asked.all_fingerprints:
            self._deliver([(ticket, Answer(UNKNOWN))])
        else:
            self._questions.put((ticket, asked))

    def close(self) -> None:
        """Answer and record all that was asked, but for what the database does not take now."""
        self._questions.close()
        if self._late is not None:
            self._late.close()

    def _answer(self, group: list[tuple[T, Question]]) -> None:
        asked = [each for _, each in group]
        hearing = Hearing(self._recorder, asked, self._clock, self._random_bytes)
        try:
            answers = self._recorder.database.insist(hearing.answers, PATIENCE_S)
        except Exception as error:  # noqa: BLE001 - whoever asked must hear of it, whatever it is
            self._fail(group, error)
        else:
            self._tell(group, answers)

    def _answer_at_once(self, group: list[tuple[T, Question]]) -> None:
        late = self._late
        if late is None:
            return
        while len(late) > MOST_UNRECORDED - LARGEST_GROUP:
            if self._cannot_record and self._questions.is_closed:
                self._fail(group, Overloaded("the ledger is being closed; try again in a second"))
                return
            sleep(0.005)
        wanted = all_fingerprints([asked for _, asked in group])
        try:
            now = self._clock()
            standings = credentials.looked_up(self._recorder.database, wanted)
            answers = [judge(asked, standings, now) for _, asked in group]
            for answer in answers:
                if answer.event is not None:
                    late.put(answer.event)
        except Exception as error:  # noqa: BLE001 - as above
            self._fail(group, error)
        else:
            self._tell(group, answers)

    def _tell(self, group: list[tuple[T, Question]], answers: Sequence[Answer]) -> None:
        self._deliver([(ticket, answer) for (ticket, _), answer in zip(group, answers, strict=True)])

    def _fail(self, group: list[tuple[T, Question]], error: Exception) -> None:
        self._deliver([(ticket, error) for ticket, _ in group])

    def _record(self, events: list[KeyUsed | KeyUseDenied]) -> None:
        records = Records(self._recorder, self._random_bytes)

        def store(_tries: int) -> None:
            with self._recorder.database.write() as connection:
                records.store(connection, events, self._clock())

        while not self._gave_up:
            is_last_try = self._late is not None and self._late.is_closed
            try:
                self._recorder.database.insist(store, PATIENCE_S)
            except Exception as error:  # noqa: BLE001 - the thread goes on, whatever it is
                self._cannot_record, self._gave_up = True, is_last_try
                _log.warning("%d uses and denials could not be recorded yet: %s", len(events), error)
                sleep(_RETRY_S)
            else:
                self._cannot_record = False
                return
        _log.error("%d uses and denials are lost: the ledger was closed while it took none", len(events))


def settle(answers: Sequence[tuple["Future[Answer]", Answer | Exception]]) -> None:
    """Deliver to threads that wait for futures."""
    for ticket, answer in answers:
        if isinstance(answer, Exception):
            ticket.set_exception(answer)
        else:
            ticket.set_result(answer)
