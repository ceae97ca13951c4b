"""`keyledger key` through a server: keys made, changed and ended."""

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

import typer

from audit_cli import console
from audit_cli.confirmation import confirm
from audit_cli.failures import COULD_NOT, tell
from audit_cli.key import (
    LOST,
    LOST_SUCCESSOR,
    describe_end_of_old,
    disabled,
    enabled,
    ends,
    require_one_way,
    require_place_to_show,
    show_secret,
)
from audit_cli.key_choice import require_which
from audit_cli.remote.key_views import SHORT_ID, last_used
from audit_cli.remote.server import Server, ServerRefused, in_path
from audit_cli.reports.terminal import printable
from audit_cli.session import clock
from audit_cli.values import Lifetime, SecretFormat
from ledger.moments import format_duration
from projections.documents.created import CreatedDocument, RotatedDocument
from projections.documents.revocation import RefusedKey, RevocationDocument
from projections.documents.standing import StandingDocument
from projections.listed_key import ListedKey

if TYPE_CHECKING:
    from audit_cli.key_set import ChangeOptions

# No body may name more.
REVOKED_AT_ONCE = 1000

_NEVER = "never"


def create(
    server: Server,
    name: str,
    owner: str | None,
    expires_in: timedelta | None,
    expires_at: int | None,
    scope: Sequence[str] | None,
    form: SecretFormat,
) -> None:
    """Make a key, and show its secret once."""
    require_one_way(expires_in, expires_at)
    require_place_to_show()
    terms = {"name": name, "owner": owner, "scopes": scope, **ends(expires_in, expires_at)}
    show_secret(server.post("/v1/keys", CreatedDocument, terms), form, LOST)


def rotate(
    server: Server, key: str, overlap: timedelta, expires_in: Lifetime | None, form: SecretFormat
) -> None:
    """Make a successor, and show its secret once."""
    require_place_to_show()
    terms = {"overlap": format_duration(overlap), "expires_in": expires_in and _lifetime(expires_in)}
    rotated = server.post(f"/v1/keys/{in_path(key)}/rotate", RotatedDocument, terms)
    show_secret(rotated, form, LOST_SUCCESSOR)
    console.note(describe_end_of_old(rotated, clock()))


def disable(server: Server, key: str, reason: str | None) -> None:
    """Refuse a key until it is enabled again."""
    stands = server.post(f"/v1/keys/{in_path(key)}/disable", StandingDocument, {"reason": reason})
    console.result(disabled(stands.name))


def enable(server: Server, key: str) -> None:
    """Accept a disabled key again."""
    stands = server.post(f"/v1/keys/{in_path(key)}/enable", StandingDocument)
    console.result(enabled(stands.name))


def change(server: Server, asked: "ChangeOptions") -> None:
    """Change one key after the other; one that cannot be is told, and keeps none of the others from it."""
    asked.check()
    if asked.where is not None or asked.dry_run:
        raise typer.BadParameter("at a server, name the keys: --where and --dry-run are the ledger's")
    keys, changes, failed = asked.keys or [], _changes(asked), 0
    for key in keys:
        try:
            stands = server.patch(f"/v1/keys/{in_path(key)}", StandingDocument, changes)
        except ServerRefused as error:
            if len(keys) == 1:
                raise
            failed += 1
            tell(f"{printable(key)} was not changed: {error}")
        else:
            console.result(f"Changed {_called(stands.name, stands.id)}.\n")
    if failed:
        raise typer.Exit(COULD_NOT)


def _changes(asked: "ChangeOptions") -> dict[str, object]:
    """In the words of the HTTP API, where None takes away what was said before."""
    ends_at = ends(asked.expires_in, asked.expires_at)
    said = {"name": asked.name, "owner": asked.owner, "scopes": asked.scope, **ends_at}
    changes: dict[str, object] = {name: value for name, value in said.items() if value is not None}
    if asked.no_owner:
        changes["owner"] = None
    if asked.no_expiry:
        changes["expires_at"] = None
    if asked.no_scopes:
        changes["scopes"] = []
    return changes


def revoke(
    server: Server,
    keys: Sequence[str] | None,
    where: str | None,
    reason: str | None,
    yes: bool,
    dry_run: bool,
) -> None:
    """End keys for good, shown first."""
    require_which(keys, where)
    wanted = {"keys": keys, "where": where, "dry_run": True}
    planned = server.post("/v1/keys/revoke", RevocationDocument, wanted)
    for each in planned.elsewhere:
        console.note(
            f"To be revoked where it was minted, not here: {printable(each.external_id or each.name)}"
        )
    if not planned.keys:
        console.note("No key that is not revoked yet is such a one; nothing was revoked.")
        return
    if dry_run:
        console.result(_plan(planned.keys))
        console.note("Nothing was revoked.")
        return
    if not yes:
        if console.is_interactive():
            console.note(_plan(planned.keys))
        confirm(
            f"Revoke {'this key' if len(planned.keys) == 1 else f'these {len(planned.keys)} keys'} for good?"
        )
    # By their ids, so that what was shown is what is ended.
    ids = [each.id for each in planned.keys]
    parts = [ids[start : start + REVOKED_AT_ONCE] for start in range(0, len(ids), REVOKED_AT_ONCE)]
    refused = [each for part in parts for each in _revoke(server, part, reason)]
    if refused:
        raise typer.Exit(COULD_NOT)


def _revoke(server: Server, ids: Sequence[str], reason: str | None) -> Sequence[RefusedKey]:
    done = server.post("/v1/keys/revoke", RevocationDocument, {"keys": ids, "reason": reason})
    for each in done.keys:
        console.result(f"Revoked {_called(each.name, each.id)}: it is refused from now on.\n")
    for refused in done.refused:
        tell(f"{_called(refused.name, refused.id)} was not revoked: {refused.reason}")
    return done.refused


def _plan(keys: Sequence[ListedKey]) -> str:
    cells = [
        (key.name, key.id[:SHORT_ID], key.owner, last_used(key), ", ".join(key.services)) for key in keys
    ]
    return console.table(("Key", "Id", "Owner", "Last used", "Services"), cells, flexible=(0, 2, 4))


def _called(name: str | None, key_id: str) -> str:
    return f"{printable(name or '')} ({key_id[:SHORT_ID]})"


def _lifetime(said: Lifetime) -> str:
    return _NEVER if said.duration is None else format_duration(said.duration)
