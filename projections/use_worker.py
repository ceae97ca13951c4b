"""A process that counts a part of the uses and hands the counts to the one that asked.

It speaks through its standard input and output, and reads the address of the database there too: an argument
could be seen by others. It writes nothing anywhere else, so whatever ends it leaves nothing behind.
"""

import gc
import signal
import sys
from multiprocessing.connection import Connection
from os import dup
from typing import TYPE_CHECKING

import msgspec

from ledger.errors import LedgerCorrupt
from projections.use_task import Failed, Failure, Task, answers, encode

if TYPE_CHECKING:
    from ledger.dialect import Dialect


def main() -> None:
    """Do the one task that comes in."""
    # Ctrl-C reaches the whole group; whoever asked ends, and with it this process's output.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Counts make no cycles, and there are millions of them to search for some.
    gc.disable()
    asking = Connection(dup(sys.stdin.fileno()), writable=False)
    answering = Connection(dup(sys.stdout.fileno()), readable=False)
    try:
        task = msgspec.msgpack.decode(asking.recv_bytes(), type=Task)
        for answer in answers(task):
            answering.send_bytes(encode(answer))
    except (BrokenPipeError, EOFError):
        return
    except Exception as error:  # noqa: BLE001 - whoever asked tells it, in its own words
        answering.send_bytes(encode(Failed(" ".join(str(error).split()), _failure(error))))


def _failure(error: Exception) -> Failure:
    dialect = _dialect()
    if isinstance(error, LedgerCorrupt) or dialect.is_damaged(error):
        return Failure.CORRUPT
    return Failure.LOST if dialect.is_lost(error) else Failure.OTHER


def _dialect() -> "Dialect":
    # Imported only when it has failed, since it takes long.
    if "psycopg" in sys.modules:
        from ledger.postgresql import Postgresql  # noqa: PLC0415

        return Postgresql()
    from ledger.sqlite import Sqlite  # noqa: PLC0415

    return Sqlite()


if __name__ == "__main__":
    main()
