"""How much memory is taken at most: by a rebuild, with all processes that it starts, or by one program."""

import os
import subprocess
import sys
from collections.abc import Iterator
from multiprocessing import get_context
from pathlib import Path
from time import sleep

from benchmarks.errors import NotMeasured
from ledger.database import open_database
from ledger.errors import KeyledgerError
from projections.rebuild import rebuild

_SAMPLE_S = 0.02
_KILOBYTES = 1024
_PROPORTIONAL = "Pss:"
_HIGHEST = "VmHWM:"


def peak_megabytes(address: str) -> float:
    """Rebuild in a process of its own, and look at it often; pages that several share count once."""
    if not Path(f"/proc/self/task/{os.getpid()}/children").exists():
        raise NotMeasured("it needs Linux's /proc, with the children of each process")
    process = get_context("spawn").Process(target=_rebuild, args=(address,))
    process.start()
    peak = 0
    while process.is_alive():
        peak = max(peak, sum(_kilobytes(each) for each in _family(process.pid or 0)))
        process.join(_SAMPLE_S)
    if process.exitcode:
        raise NotMeasured(f"the rebuild ended with status {process.exitcode}")
    return peak / _KILOBYTES


def peak_of(program: subprocess.Popen[bytes]) -> float:
    """The most megabytes that a program has by itself, as far as it is seen until it ends.

    What the system tells of an ended process would be no less than its parent had when it began.
    """
    peak = 0
    while program.poll() is None:
        lines = _text(Path(f"/proc/{program.pid}/status")).splitlines()
        peak = max([peak, *(int(line.split()[1]) for line in lines if line.startswith(_HIGHEST))])
        sleep(_SAMPLE_S)
    if not peak:
        raise NotMeasured("it needs Linux's /proc, with the memory of each process")
    return peak / _KILOBYTES


def _rebuild(address: str) -> None:
    try:
        rebuild(open_database(address))
    except KeyledgerError as error:
        sys.exit(str(error))


def _family(process: int) -> Iterator[int]:
    yield process
    for children in Path(f"/proc/{process}/task").glob("*/children"):
        for child in _text(children).split():
            yield from _family(int(child))


def _kilobytes(process: int) -> int:
    lines = _text(Path(f"/proc/{process}/smaps_rollup")).splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(_PROPORTIONAL))


def _text(path: Path) -> str:
    """What a file of /proc says; nothing once the process is gone."""
    try:
        return path.read_text(encoding="ascii")
    except (FileNotFoundError, ProcessLookupError):
        return ""
