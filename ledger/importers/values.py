"""Values as others wrote them: quoted in messages without giving a secret away, and read as moments."""

from ledger.errors import InvalidInput
from ledger.moments import parse_moment
from ledger.secret import mask_much

MAX_QUOTED = 40


def quoted(text: str) -> str:
    """The text for a message, masked before it is shortened: a secret cut short would not be recognized."""
    shown = mask_much(text)
    return repr(shown if len(shown) <= MAX_QUOTED else f"{shown[:MAX_QUOTED]}...")


def moment_in(field: str, text: str) -> int:
    """The moment that a field holds; InvalidInput names the field."""
    # No time is this long, but a secret is.
    if len(text) > MAX_QUOTED:
        raise InvalidInput(f"{field}: {quoted(text)} is not a time; write it like 2024-05-31T12:00:00Z")
    try:
        return parse_moment(text)
    except InvalidInput as error:
        raise InvalidInput(f"{field}: {error}") from None
