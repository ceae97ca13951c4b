"""Requests at a steady rate, and how long each took from the moment that it was due."""

import asyncio
from time import perf_counter

from benchmarks.errors import NotMeasured
from benchmarks.serving import HOST

_END_OF_HEAD = b"\r\n\r\n"


def latencies(port: int, request: bytes, connections: int, a_second: float, seconds: float) -> list[float]:
    """Seconds that each took, in order; one that waits for another counts its wait."""
    return asyncio.run(_paced(port, request, connections, a_second, seconds))


async def _paced(port: int, request: bytes, connections: int, a_second: float, seconds: float) -> list[float]:
    took: list[float] = []
    due: asyncio.Queue[float | None] = asyncio.Queue()
    workers = [asyncio.create_task(_work(port, request, due, took)) for _ in range(connections)]
    begun = perf_counter()
    for number in range(round(a_second * seconds)):
        at = begun + number / a_second
        if (wait := at - perf_counter()) > 0:
            await asyncio.sleep(wait)
        due.put_nowait(at)
    for _ in workers:
        due.put_nowait(None)
    await asyncio.gather(*workers)
    return took


async def _work(port: int, request: bytes, due: "asyncio.Queue[float | None]", took: list[float]) -> None:
    reader, writer = await asyncio.open_connection(HOST, port)
    while (at := await due.get()) is not None:
        writer.write(request)
        head = await reader.readuntil(_END_OF_HEAD)
        if not head.startswith(b"HTTP/1.1 200"):
            raise NotMeasured("a request was not answered well")
        length = next(
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length")
        )
        await reader.readexactly(length)
        took.append(perf_counter() - at)
    writer.close()


def _length(head: bytes) -> int:
    lines = head.lower().split(b"\r\n")
    return next(int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length"))
