"""`keyledger key list`, `show` and `history` through a server."""

from collections.abc import Mapping

from audit_cli import console
from audit_cli.remote.server import Server, in_path
from audit_cli.reports.terminal import wrapped
from audit_cli.values import Format
from projections.documents.history import HistoryDocument
from projections.documents.key import KeyDetails, KeyDocument
from projections.documents.keys import KeysDocument
from projections.listed_key import ListedKey

PAGE = 1000
SHORT_ID = 8

_DATE = len("2024-05-31")
_TO_SECONDS = len("2024-05-31T12:00:00")


class _Page(KeysDocument, frozen=True, kw_only=True):
    next: str | None = None


def list_keys(server: Server, everything: bool, state: str | None, form: Format) -> None:
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
        (key.name, key.id[:SHORT_ID], _state(key), key.owner, last_used(key), key.use_count)
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
        ("Last used", last_used(key) if key.last_used_at is None else _second(key.last_used_at)),
        ("Uses", None if key.use_count is None else f"{key.use_count:,}"),
    ]


def _state(key: ListedKey) -> str:
    return "rotating" if key.state == "active" and key.successor_id is not None else key.state


def last_used(key: ListedKey) -> str:
    """The day of the last use; where uses are not counted, nobody knows of none."""
    if key.last_used_at is not None:
        return key.last_used_at[:_DATE]
    return "no data" if key.use_count is None else "never"


def _second(text: str) -> str:
    return f"{text[:_TO_SECONDS]}Z" if len(text) > _TO_SECONDS else text
