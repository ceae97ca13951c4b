"""What a client has done, for a service's own metrics."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stats:
    """Counts since the client (or its process) began.

    `stored`, `duplicates` and `refused` count lines, which are uses unless coalesced. `rejected`: what was no
    use; `dropped`: for which there was no room; `unidentified`: let in by `when_down="accept"` while nobody
    could tell whose key it was, so that it is reported nowhere. `failure`: why the last attempt to deliver
    failed, None once one succeeds.
    """

    recorded: int
    rejected: int
    dropped: int
    unidentified: int
    stored: int
    duplicates: int
    refused: int
    damaged: int
    waiting_bytes: int
    waiting_in_memory: int
    failure: str | None
    checks_down: bool
