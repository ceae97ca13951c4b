"""Work that goes on as events come: now, and again whenever there may be new ones."""

from collections.abc import Callable
from time import monotonic, sleep
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from audit_cli.interruption import Interruption
    from ledger.database import Database

# Some things become due without an event: a counted denial, a reader who has gone.
LOOK_AGAIN_S = 1.0


def keep_up(
    database: "Database", interruption: "Interruption", work: Callable[[], bool], pause_s: float = 0.0
) -> None:
    """Do `work` until it says that it is done, with a pause after each round and a wait for new events.

    Signals take effect while it waits. A connection that is lost is made again, for a minute at most.
    """
    from ledger.database import RECONNECT_PAUSE_S, RECONNECT_TIMEOUT_S, ConnectionLost

    last_well = monotonic()

    def rounds() -> None:
        nonlocal last_well
        with database.watch() as watch:
            while not work():
                last_well = monotonic()
                with interruption.welcome(), database.explained():
                    sleep(pause_s)
                    watch.wait(LOOK_AGAIN_S)

    while True:
        try:
            rounds()
        except ConnectionLost:
            if monotonic() - last_well > RECONNECT_TIMEOUT_S:
                raise
            with interruption.welcome():
                sleep(RECONNECT_PAUSE_S)
        else:
            return
