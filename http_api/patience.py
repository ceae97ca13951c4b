"""How long a server bears a client that does not read what it was sent."""

from asyncio import AbstractEventLoop, TimerHandle, Transport

# So much of an answer, or the rest of it, must be taken each time.
LEAST = 64 * 1024


class Patience:
    """Cuts a connection off whose client takes less than LEAST bytes within some seconds.

    To be asked for while what waits to be read becomes no more.
    """

    def __init__(self, loop: AbstractEventLoop, transport: Transport, seconds: float) -> None:
        self._loop = loop
        self._transport = transport
        self._seconds = seconds
        self._waiting = 0
        self._timer: TimerHandle | None = None

    def begin(self) -> None:
        """Look from now on at what waits, until nothing does."""
        if self._timer is None and self._transport.get_write_buffer_size():
            self._look_later()

    def end(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look_later(self) -> None:
        self._waiting = self._transport.get_write_buffer_size()
        self._timer = self._loop.call_later(self._seconds, self._look)

    def _look(self) -> None:
        self._timer = None
        left = self._transport.get_write_buffer_size()
        if left and self._waiting - left < LEAST:
            self._transport.abort()
        elif left:
            self._look_later()
