"""What the ledger's appends are measured against."""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

from ledger.usage import Use

# Stores what was made ready in one durable transaction.
Append: TypeAlias = Callable[[], object]


class Peer(Protocol):
    """A table of its own in a database of the same kind."""

    def ready(self, uses: Sequence[Use]) -> Append:
        """All that can be done before the append itself."""
        ...

    def close(self) -> object:
        """Give back every connection."""
        ...
