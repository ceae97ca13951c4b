"""Delivery: lines to the server in bodies of bounded size, until each is stored, known there or refused."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias, assert_never

from usage_client.answer import Answer, Later, Taken, Unacceptable

# Half of what any server takes, and a body that a slow line carries within the time-out.
BODY_BYTES = 512 * 1024

Send: TypeAlias = Callable[[Sequence[bytes]], Answer]


@dataclass(slots=True)
class Counts:
    """What became of the uses, in lines."""

    stored: int = 0
    duplicates: int = 0
    refused: int = 0


class Delivery:
    """Lines on their way. A body that the server cannot take is halved until the line at fault is found."""

    def __init__(
        self, lines: Sequence[bytes], batch_uses: int, on_refused: Callable[[bytes | None, str], None]
    ) -> None:
        self._bodies = deque(_bodies(lines, batch_uses))
        self._on_refused = on_refused

    def go_on(self, send: Send, counts: Counts) -> Later | None:
        """Send until all is done (None) or it has to wait; what was answered is not sent again."""
        while self._bodies:
            body = self._bodies[0]
            answer = send(body)
            match answer:
                case Taken():
                    self._bodies.popleft()
                    self._count(answer, body, counts)
                case Unacceptable():
                    self._bodies.popleft()
                    self._take_apart(answer.reason, body, counts)
                case Later():
                    return answer
                case _:
                    assert_never(answer)
        return None

    def _count(self, taken: Taken, body: Sequence[bytes], counts: Counts) -> None:
        counts.stored += taken.stored
        counts.duplicates += taken.duplicates
        counts.refused += len(taken.refusals)
        for number, reason in taken.refusals:
            known = number is not None and 1 <= number <= len(body)
            self._on_refused(body[number - 1] if known and number is not None else None, reason)

    def _take_apart(self, reason: str, body: Sequence[bytes], counts: Counts) -> None:
        if len(body) == 1:
            counts.refused += 1
            self._on_refused(body[0], reason)
            return
        half = len(body) // 2
        self._bodies.extendleft((body[half:], body[:half]))


def _bodies(lines: Sequence[bytes], most: int) -> list[Sequence[bytes]]:
    bodies: list[Sequence[bytes]] = []
    start = size = 0
    for index, line in enumerate(lines):
        if index - start >= most or (size and size + len(line) > BODY_BYTES):
            bodies.append(lines[start:index])
            start, size = index, 0
        size += len(line) + 1
    if start < len(lines):
        bodies.append(lines[start:])
    return bodies
