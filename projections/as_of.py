"""The past as it is known now: what an event that is no use says of the time up to a moment.

Uses come by the million, and are clipped where they are counted.
"""

import msgspec

from ledger.events import (
    CoverageReported,
    Event,
    KeyObserved,
    KeyUsageSummarized,
    KeyUseDenied,
)
from ledger.moments import LATEST


def clip(event: Event, at: int) -> Event | None:
    """The event as far as it had happened by a moment; None where nothing of it had.

    A source may have told later what had happened before: a key that it says was created by then
    existed, a last use that it names was a use. Of coalesced uses only the ends are known.
    """
    match event:
        case KeyUseDenied() if event.occurred_at <= at and event.last_at is not None and event.last_at > at:
            return msgspec.structs.replace(event, count=1, last_at=None)
        case KeyObserved() if event.occurred_at > at:
            return _clip_observed(event, at)
        case KeyUsageSummarized() if event.occurred_at > at:
            return _clip_summary(event, at)
        case CoverageReported() if event.covers_to > at:
            if event.covers_from > at:
                return None
            return msgspec.structs.replace(event, occurred_at=at, covers_to=at)
        case _:
            return event if event.occurred_at <= at else None


def _clip_observed(event: KeyObserved, at: int) -> Event:
    """Of the state at that moment a later observation tells nothing.

    Its name for the key is kept, for uses that had happened by then; without any the key is not known yet.
    """
    if event.created_at is None or event.created_at > at:
        return msgspec.structs.replace(
            event, occurred_at=LATEST, state=None, created_at=None, name=None, personal=None
        )
    return msgspec.structs.replace(event, occurred_at=event.created_at, state=None)


def _clip_summary(event: KeyUsageSummarized, at: int) -> Event | None:
    """A last use after the moment hides whether there was one before it, so nothing is covered then.

    That there was no use by then does not show that the key was there.
    """
    if event.last_used_at is not None and event.last_used_at > at:
        if event.first_used_at is None or event.first_used_at > at:
            return None
        first = event.first_used_at
        return msgspec.structs.replace(
            event, occurred_at=at, covers_from=first, covers_to=first, last_used_at=first, count=None
        )
    since = LATEST if event.first_used_at is None and event.last_used_at is None else at
    return msgspec.structs.replace(event, occurred_at=since, covers_to=min(event.covers_to, at))
