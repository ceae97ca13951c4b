"""The rule about names that do not tell what a key is for."""

import re

from projections.audit import controls
from projections.audit.judging import Scope
from projections.audit.remedy import Action
from projections.audit.rule import Context, Rule, Verdict, verdict
from projections.audit.severity import Severity
from projections.key_record import KeyRecord

MIN_LENGTH = 4

# Words that say nothing about a purpose; a name made of nothing else is undescriptive.
VAGUE_WORDS = frozenset(
    (
        *("a", "an", "the", "my", "our", "your", "new", "old", "this", "that", "one", "some", "another"),
        *("api", "key", "keys", "apikey", "mykey", "newkey", "testkey", "token", "secret", "credential"),
        *(
            "test",
            "tests",
            "testing",
            "tester",
            "tmp",
            "temp",
            "temporary",
            "dummy",
            "sample",
            "example",
            "demo",
        ),
        *("foo", "bar", "baz", "qux", "foobar", "asdf", "asdfgh", "qwerty", "qwertz", "abc", "abcd", "xyz"),
        *("default", "untitled", "unnamed", "noname", "unknown", "none", "null", "todo", "misc", "stuff"),
    )
)

_UUID = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}")
_HEX = re.compile(r"(?=.*\d)[0-9a-f]{12,}")
_SEPARATORS = re.compile(r"[\W_]+")
_NUMBERING = re.compile(r"\d+$")


def vagueness(name: str) -> str | None:
    """Why a name does not tell what its key is for, or None where it might."""
    name = name.strip().casefold()
    if len(name) < MIN_LENGTH:
        return f"has fewer than {MIN_LENGTH} characters"
    if _UUID.fullmatch(name) or _HEX.fullmatch(name):
        return "is an identifier, not a name"
    words = [_NUMBERING.sub("", word) for word in _SEPARATORS.split(name)]
    if not any(words):
        return "is a number, not a name"
    if len(set(name)) == 1:
        return "repeats one character"
    if all(word in VAGUE_WORDS for word in words if word):
        return "says nothing about a purpose"
    return None


def _undescriptive(record: KeyRecord, context: Context) -> Verdict | None:
    # The name of a key minted elsewhere may be nothing but its id: then nobody named it.
    if not context.is_live or record.name == record.external_id:
        return None
    why = vagueness(record.name)
    if why is None:
        return None
    return verdict(
        f"the name {why}; say who uses it where, as in github-actions-prod",
        *record.known_positions,
    )


UNDESCRIPTIVE_NAME = Rule(
    id="undescriptive-name",
    severity=Severity.INFO,
    title="Undescriptive name",
    meaning="The name of an active key does not tell what it is for.",
    reason=(
        "Whoever has to decide in a hurry whether a key may be revoked has only its name to go by."
        " Info: a matter of order that fails no audit by default."
    ),
    method=(
        f"The name has fewer than {MIN_LENGTH} characters, is a number, an identifier or one repeated"
        " character, or consists of words such as test, tmp, foo, new, my, default, api and key,"
        " numbered or not. Keys minted elsewhere are judged only where somebody gave them a name."
    ),
    resolution="Rename it after the workload and its place, such as github-actions-prod.",
    action=Action.RENAME,
    controls=(controls.NIST_IDENTIFIERS, controls.ISO_INVENTORY),
    check=_undescriptive,
    scope=Scope.NAMED,
)
