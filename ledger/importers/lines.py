"""Lines out of a text that comes in parts; of one that is too long only the beginning is kept."""


class Lines:
    """What of a line has come so far."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._begun = b""

    def of(self, part: bytes) -> list[bytes]:
        """The lines that end in the next part; each is one byte longer than the limit at most."""
        *ended, begun = part.split(b"\n")
        if ended:
            ended[0] = self._begun[: self._limit + 1] + ended[0]
            self._begun = begun
        else:
            self._begun += begun
        # So that it is refused for its length, and takes no more room until then.
        self._begun = self._begun[: self._limit + 1]
        return [line[: self._limit + 1] for line in ended]

    def rest(self) -> list[bytes]:
        """The last line, where nothing ended it."""
        return [self._begun] if self._begun else []
