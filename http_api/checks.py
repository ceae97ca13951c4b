"""The checks of one process, asked from its event loop and answered in groups by the ledger."""

from asyncio import AbstractEventLoop, Future
from collections.abc import Sequence
from functools import cache

from prometheus_client import Counter

from http_api.desk import Desk
from http_api.figures import CHECKS, GROUP
from http_api.own_uses import SERVICE
from ledger.checker import AskedBy, Checker
from ledger.errors import KeyledgerError
from ledger.secret import Secret
from ledger.verdict import Answer, Presented, Reason, Verdict


class Checks:
    """Asks the ledger's checker; who waits is the coroutine, and no thread."""

    def __init__(self, desk: Desk, loop: AbstractEventLoop) -> None:
        self._desk = desk
        self._loop = loop
        self._asked: list[tuple[Secret, Presented, Future[Answer], AskedBy | None]] = []
        self._checker: Checker[Future[Answer]] = desk.ledger.checker(
            self._deliver, records_after=desk.settings.records_after
        )

    async def verdict(self, secret: Secret, presented: Presented) -> Verdict:
        """Whether a secret is valid, recorded."""
        answer = await self._ask(secret, presented, None)
        _counter(answer.verdict.reason).inc()
        return answer.verdict

    async def asked_by(
        self, asker: Secret, scope: str, source_ip: str | None, secret: Secret, presented: Presented
    ) -> tuple[Verdict, Verdict]:
        """The verdict on who asks, who needs a scope, and the one that is told to him; both recorded."""
        own = Presented(SERVICE, source_ip=source_ip)
        answer = await self._ask(secret, presented, AskedBy(asker, scope, own))
        about_asker = answer.asker or answer.verdict
        _counter(answer.verdict.reason).inc()
        if about_asker.valid and not self._desk.own_uses.count(about_asker, source_ip):
            about_asker = await self.verdict(asker, own)
        return about_asker, answer.verdict

    def __len__(self) -> int:
        """How many wait for an answer."""
        return len(self._checker)

    def close(self) -> None:
        """Answer all that was asked."""
        self._checker.close()

    def _ask(self, secret: Secret, presented: Presented, asked_by: AskedBy | None) -> "Future[Answer]":
        ticket: Future[Answer] = self._loop.create_future()
        if not self._asked:
            # After what else has come by now, so that it goes into the same group.
            self._loop.call_soon(self._pass_on)
        self._asked.append((secret, presented, ticket, asked_by))
        return ticket

    def _pass_on(self) -> None:
        asked, self._asked = self._asked, []
        for secret, presented, ticket, asked_by in asked:
            try:
                self._checker.ask(secret, presented, ticket, asked_by)
            except KeyledgerError as error:
                _settle([(ticket, error)])

    def _deliver(self, answers: Sequence[tuple["Future[Answer]", Answer | Exception]]) -> None:
        GROUP.observe(len(answers))
        self._loop.call_soon_threadsafe(_settle, answers)


@cache
def _counter(reason: Reason | None) -> Counter:
    return CHECKS.labels(reason or "valid")


def _settle(answers: Sequence[tuple["Future[Answer]", Answer | Exception]]) -> None:
    for ticket, answer in answers:
        # Who has gone away in the meantime waits no more.
        if ticket.done():
            continue
        if isinstance(answer, Exception):
            ticket.set_exception(answer)
        else:
            ticket.set_result(answer)
