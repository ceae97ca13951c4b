"""Pauses in the use of a key: times of which it is known that nobody used it, and that somebody did again."""

import msgspec


class Pause(msgspec.Struct, frozen=True):
    """From a use, or the creation, until the next use; positions cite what shows both ends.

    Where a report tells of the silence, it is known up to `silent_until` only, and the next use that is known
    may not be the first.
    """

    began_at: int
    silent_until: int
    ended_at: int
    began_position: int | None
    ended_position: int | None

    @property
    def lasted(self) -> int:
        """How long the key is known to have been silent, in microseconds."""
        return self.silent_until - self.began_at


class Sought(msgspec.Struct, frozen=True):
    """Which pauses are of interest: those of at least so many microseconds that ended within a time."""

    at_least: int
    ended_since: int
    until: int

    def fits(self, pause: Pause) -> bool:
        """Whether it is one of them."""
        return pause.lasted >= self.at_least and pause.ended_at >= self.ended_since
