"""Which keys an expression such as `service=payments and owner=bob@example.com` means."""

import re
from collections.abc import Callable, Collection, Iterable
from difflib import get_close_matches
from fnmatch import translate
from functools import lru_cache
from typing import TypeAlias

import msgspec

from ledger.errors import InvalidInput
from ledger.events import KeyState
from projections.key_record import KeyRecord

Values: TypeAlias = Callable[[KeyRecord, int], Collection[str]]


def _last_source(record: KeyRecord, _as_of: int) -> Collection[str]:
    last_at = max((address.last_at for address in record.addresses), default=None)
    return {address.source_ip for address in record.addresses if address.last_at == last_at}


# What a key has under each name; a condition holds where one of the values fits its pattern.
FIELDS: dict[str, Values] = {
    "name": lambda record, _as_of: (record.name,),
    "owner": lambda record, _as_of: (record.owner,) if record.owner else (),
    "service": lambda record, _as_of: {use.service for use in record.uses},
    "caller": lambda record, _as_of: {use.caller for use in record.uses if use.caller},
    "last_source": _last_source,
    "any_source": lambda record, _as_of: {address.source_ip for address in record.addresses},
    "state": lambda record, as_of: (record.status(as_of),),
    "created_by": lambda record, _as_of: (record.created_by,) if record.created_by else (),
}

_TOKEN = re.compile(
    r"""\s*(?:(?P<word>and|or)(?=\s|$)
          |(?P<field>[A-Za-z_]+)\s*=\s*
           (?:"(?P<quoted>[^"]*)"|'(?P<single>[^']*)'|(?P<plain>[^\s"'][^\s"]*))(?=\s|$))""",
    re.VERBOSE | re.IGNORECASE,
)


# `fnmatch` itself keeps so many that whoever asks a server could fill its memory with them.
@lru_cache(256)
def _fitting(pattern: str) -> Callable[[str], object]:
    return re.compile(translate(pattern)).match


class Condition(msgspec.Struct, frozen=True):
    """One of a field's values fits a pattern, in which `*` and `?` stand for any characters."""

    field: str
    pattern: str

    def holds(self, record: KeyRecord, as_of: int) -> bool:
        """Whether it does for a key at a moment; case does not matter."""
        fits = _fitting(self.pattern.casefold())
        return any(fits(value.casefold()) for value in FIELDS[self.field](record, as_of))


class Selection(msgspec.Struct, frozen=True):
    """Conditions of which all must hold, or all of another group: `and` binds before `or`."""

    groups: tuple[tuple[Condition, ...], ...]

    def means(self, record: KeyRecord, as_of: int) -> bool:
        """Whether a key is meant."""
        return any(all(each.holds(record, as_of) for each in group) for group in self.groups)


def revocable(
    records: Iterable[KeyRecord], selection: Selection, as_of: int
) -> tuple[list[KeyRecord], list[KeyRecord]]:
    """The keys that are meant and not revoked yet: those minted here, and those to be revoked elsewhere."""
    standing = (record for record in records if record.state is not KeyState.REVOKED)
    meant = [record for record in standing if selection.means(record, as_of)]
    here = [each for each in meant if each.is_minted_here]
    return here, [each for each in meant if not each.is_minted_here]


def parse_selection(text: str) -> Selection:
    """Read an expression; InvalidInput points at what is wrong with it."""
    groups: list[list[Condition]] = [[]]
    place, expects_condition = 0, True
    while text[place:].strip():
        token = _TOKEN.match(text, place)
        if token is None or (token["word"] is None) is not expects_condition:
            raise _wrong(text, place, expects_condition=expects_condition)
        if token["word"] is None:
            groups[-1].append(_condition(token))
        elif token["word"].lower() == "or":
            groups.append([])
        expects_condition = token["word"] is not None
        place = token.end()
    if expects_condition:
        raise _wrong(text, place, expects_condition=True)
    return Selection(tuple(map(tuple, groups)))


def _condition(token: re.Match[str]) -> Condition:
    field = token["field"].lower()
    if field not in FIELDS:
        close = get_close_matches(field, FIELDS, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(FIELDS)}"
        raise InvalidInput(f"keys cannot be chosen by {field!r}; {hint}")
    given = (token["quoted"], token["single"], token["plain"])
    return Condition(field, next(pattern for pattern in given if pattern is not None))


def _wrong(text: str, place: int, *, expects_condition: bool) -> InvalidInput:
    wanted = "FIELD=VALUE, such as service=payments" if expects_condition else "`and` or `or`"
    rest = text[place:].strip()
    where = f"at {rest[:20]!r} in it" if rest else "at its end"
    return InvalidInput(f"the expression {text[:60]!r} cannot be read: {wanted} must stand {where}")
