"""`keyledger key` through a server."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

import typer

from audit_cli import console
from audit_cli.confirmation import confirm
from audit_cli.failures import COULD_NOT, tell
from audit_cli.key import describe_end_of_old, show_secret
from audit_cli.remote.server import Server, ServerRefused, in_path
from audit_cli.reports.terminal import printable, wrapped
from audit_cli.session import clock
from audit_cli.values import Format, Lifetime, SecretFormat
from ledger.moments import format_duration
from projections.documents.created import CreatedDocument, RotatedDocument
from projections.documents.history import HistoryDocument
from projections.documents.key import KeyDetails, KeyDocument
from projections.documents.keys import KeysDocument
from projections.documents.revocation import RefusedKey, RevocationDocument
from projections.documents.standing import StandingDocument
from projections.listed_key import ListedKey

PAGE = 1000
# No body may name more.
REVOKED_AT_ONCE = 1000
SHORT_ID = 8

_DATE = len("2024-05-31")
_TO_SECONDS = len("2024-05-31T12:00:00")
_NEVER = "never"


class _Page(KeysDocument, frozen=True, kw_only=True):
    next: str | None = None


def create(server: Server, terms: Mapping[str, object], form: SecretFormat) -> None:
    """Make a key, and show its secret once."""
    show_secret(server.post("/v1/keys", CreatedDocument, terms), form)


def rotate(
    server: Server, key: str, overlap: timedelta, expires_in: Lifetime | None, form: SecretFormat
) -> None:
    """Make a successor, and show its secret once."""
    terms = {"overlap": format_duration(overlap), "expires_in": expires_in and _lifetime(expires_in)}
    rotated = server.post(f"/v1/keys/{in_path(key)}/rotate", RotatedDocument, terms)
    show_secret(rotated, form)
    console.note(describe_end_of_old(rotated, clock()))


def stand(server: Server, key: str, deed: str, reason: str | None = None) -> StandingDocument:
    """Disable or enable a key; how it stands then."""
    return server.post(f"/v1/keys/{in_path(key)}/{deed}", StandingDocument, {"reason": reason})


def change(server: Server, keys: Sequence[str], changes: Mapping[str, object]) -> None:
    """Change one key after the other; one that cannot be is told, and keeps none of the others from it."""
    failed = 0
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


def revoke(
    server: Server, wanted: Mapping[str, object], reason: str | None, *, yes: bool, dry_run: bool
) -> None:
    """End keys for good, shown first."""
    planned = server.post("/v1/keys/revoke", RevocationDocument, {**wanted, "dry_run": True})
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


def list_keys(server: Server, state: str | None, form: Format, *, everything: bool) -> None:
    """All keys, page after page."""
    query: dict[str, object] = {"state": state, "temporary": everything, "limit": PAGE}
    page = server.get("/v1/keys", _Page, query)
    rows = list(page.keys)
    while page.next:
        page = server.get("/v1/keys", _Page, query | {"cursor": page.next})
        rows += page.keys
    if form == "json":
        console.result_json(KeysDocument(organization=page.organization, position=page.position, keys=rows))
        return
    if not rows:
        console.note("No such keys. `keyledger key create NAME` makes one.")
        return
    cells = [
        (key.name, key.id[:SHORT_ID], _state(key), key.owner, _last_used(key), key.use_count)
        for key in sorted(rows, key=lambda key: (key.name, key.created_at or ""))
    ]
    console.result(
        console.table(("Key", "Id", "State", "Owner", "Last used", "Uses"), cells, flexible=(0, 3))
    )


def show(server: Server, key: str, form: Format) -> None:
    """A key: its facts, who uses it and who was refused."""
    document = server.get(f"/v1/keys/{in_path(key)}", KeyDocument)
    if form == "json":
        console.result_json(document)
        return
    found = document.key
    facts = [(label, text) for label, text in _facts(found) if text]
    margin = max(len(label) for label, _ in facts) + 2
    width = console.width()
    lines = [wrapped(text, width, indent=label.ljust(margin), hanging=" " * margin) for label, text in facts]
    console.result("\n".join(lines) + "\n")
    for who, told in (("Used by", found.uses), ("Refused", found.denials)):
        if told:
            cells = [(use.caller or "unknown", use.service, use.count, _second(use.last_at)) for use in told]
            console.result("\n" + console.table((who, "Service", "Times", "Last"), cells, flexible=(0, 1)))


def history(server: Server, key: str, form: Format) -> None:
    """What happened to a key, when, and by whom."""
    document = server.get(f"/v1/keys/{in_path(key)}/history", HistoryDocument)
    if form == "json":
        console.result_json(document)
        return
    margin = len("2024-05-31T12:00:00Z") + 2
    lines = [
        wrapped(
            _happened(event),
            console.width(),
            indent=_second(str(event["occurred_at"])).ljust(margin),
            hanging=" " * margin,
        )
        for event in document.events
    ]
    console.result("\n".join([document.key_id, "", *lines]) + "\n")


def _happened(event: Mapping[str, object]) -> str:
    what = str(event.get("topic", "")).rpartition("/")[0].removeprefix("key-").replace("-", " ")
    claimed = f" for {event['on_behalf_of']} (claimed)" if event.get("on_behalf_of") else ""
    reason = f": {event['reason']}" if event.get("reason") else ""
    return f"{what} by {event.get('actor')}{claimed}{reason}"


def _facts(key: KeyDetails) -> list[tuple[str, str | None]]:
    return [
        ("Key", key.name),
        ("Id", key.id),
        ("State", _state(key)),
        ("Secret", key.masked),
        ("Origin", None if key.external_id is None else f"{key.source} {key.external_id}"),
        ("Account", key.account),
        ("Owner", key.owner or "nobody"),
        ("Created", f"{_second(key.created_at or 'unknown')} by {key.created_by or 'somebody unknown'}"),
        ("Expires", "never" if key.expires_at is None else _second(key.expires_at)),
        ("Scopes", ", ".join(key.scopes)),
        ("Overlap ends", key.overlap_ends_at and _second(key.overlap_ends_at)),
        ("Last used", _last_used(key) if key.last_used_at is None else _second(key.last_used_at)),
        ("Uses", None if key.use_count is None else f"{key.use_count:,}"),
    ]


def _plan(keys: Sequence[ListedKey]) -> str:
    cells = [
        (key.name, key.id[:SHORT_ID], key.owner, _last_used(key), ", ".join(key.services)) for key in keys
    ]
    return console.table(("Key", "Id", "Owner", "Last used", "Services"), cells, flexible=(0, 2, 4))


def _called(name: str | None, key_id: str) -> str:
    return f"{printable(name or '')} ({key_id[:SHORT_ID]})"


def _state(key: ListedKey) -> str:
    return "rotating" if key.state == "active" and key.successor_id is not None else key.state


def _last_used(key: ListedKey) -> str:
    """The day; where uses are not counted, nobody knows of none."""
    if key.last_used_at is not None:
        return key.last_used_at[:_DATE]
    return "no data" if key.use_count is None else "never"


def _second(text: str) -> str:
    return f"{text[:_TO_SECONDS]}Z" if len(text) > _TO_SECONDS else text


def _lifetime(said: Lifetime) -> str:
    return _NEVER if said.duration is None else format_duration(said.duration)
