"""The scopes that keyledger itself gives a meaning; any other is the business of whoever checks keys."""

from collections.abc import Iterable

from ledger.actor import Actor
from ledger.errors import NotAllowed

KEYS_CHECK = "keys:check"
USES_APPEND = "uses:append"
AUDIT_READ = "audit:read"
KEYS_MANAGE = "keys:manage"

SCOPES = (KEYS_CHECK, USES_APPEND, AUDIT_READ, KEYS_MANAGE)


def require_grantable(actor: Actor, scopes: Iterable[str]) -> None:
    """Refuse a key that hands on what an admin alone may: to manage keys. A key is nobody's admin.

    More time with it, and an end of a pause, are granted too.
    """
    if KEYS_MANAGE in scopes and not actor.is_person:
        raise NotAllowed(
            f"{KEYS_MANAGE} is granted by an admin, not by a key, and so is more time with it;"
            " name the admin it is done for, or run `keyledger key` at the ledger"
        )
