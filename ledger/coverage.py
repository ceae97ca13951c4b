"""Declared coverage: a reporter's word that it told every use that it saw of the keys minted here."""

from ledger.credentials import MINTED_HERE
from ledger.errors import InvalidInput
from ledger.moments import format_moment
from ledger.observation import Coverage
from ledger.usage import check_text


def heartbeat(reporter: str, covers_from: int, covers_to: int, where: str | int = "") -> Coverage:
    """What a reporter of our own keys declares; InvalidInput for a name or a period that cannot be."""
    if not reporter.strip() or not reporter.isprintable():
        raise InvalidInput("a heartbeat needs the name of its reporter, in printable characters")
    check_text(reporter)
    if not 0 <= covers_from <= covers_to:
        raise InvalidInput(
            f"a period from {format_moment(covers_from)} to {format_moment(covers_to)} cannot be;"
            " give a beginning from 1970 on and an end that is no earlier"
        )
    return Coverage(reporter, covers_from, covers_to, source=MINTED_HERE, where=where)
