"""Every refusal that keyledger can utter, in one tree.

KeyledgerError
├── Refused               a decision said no; nothing was stored
│   ├── InvalidInput      a value cannot be right, whoever asks
│   ├── NotFound          no such organization, member, key, event or rule
│   ├── Ambiguous         a name or an id prefix that means several keys
│   ├── NotAllowed        the actor lacks the role
│   ├── WrongState        the key's state rules the command out
│   ├── Reused            the id of a request stands for another request already
│   └── Conflict          somebody else's change was recorded first
├── LedgerUnavailable     no ledger there, not a ledger, locked, read-only, disk full
├── Overloaded            more is asked at once than can be answered in time
├── UnknownTopic          an event that only a newer keyledger can read
└── LedgerCorrupt         the ledger's own integrity check failed

A message says what happened and what to do; it never holds a secret.
"""


class KeyledgerError(Exception):
    """The root of everything that keyledger refuses or cannot do."""


class Refused(KeyledgerError):
    """A decision said no; nothing was stored."""


class InvalidInput(Refused):
    """A value cannot be right, whoever asks."""


class NotFound(Refused):
    """No such organization, member, key, event or rule."""


class Ambiguous(Refused):
    """A name or an id prefix that means several keys."""


class NotAllowed(Refused):
    """The actor lacks the role that the command needs."""


class WrongState(Refused):
    """The state of the key or the organization rules the command out."""


class Reused(Refused):
    """The id of a request stands for another request already."""


class Conflict(Refused):
    """Somebody else's change was recorded first."""


class LedgerUnavailable(KeyledgerError):
    """No ledger there, not a ledger, locked, read-only or out of space."""


class Overloaded(KeyledgerError):
    """More is asked at once than can be answered in time; nothing was stored."""


class UnknownTopic(KeyledgerError):
    """The ledger holds an event that only a newer keyledger can read."""


class LedgerCorrupt(KeyledgerError):
    """The ledger's own integrity check failed."""
