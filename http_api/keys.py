"""Keys as they are: the list, one with all that is known of it, and what happened to it."""

from collections.abc import Sequence
from typing import Annotated, Literal, TypeAlias

from fastapi import APIRouter, Query
from starlette.responses import Response

from http_api.bodies import answer
from http_api.caller import CallerAtHand
from http_api.cursors import DEFAULT_PAGE, Cursor, PageLimit, Place, page
from http_api.desk import DeskAtHand
from http_api.fields import KeyInPath
from http_api.operations import KEY_HISTORY, LIST_KEYS, SHOW_KEY
from http_api.problems import ProblemKind
from http_api.routes import Answer, route
from ledger.events import KeyKind
from ledger.ids import format_id
from projections.documents.history import HistoryDocument, history_document
from projections.documents.key import KeyDocument, key_document
from projections.documents.keys import KeysDocument
from projections.key_outline import KeyOutline
from projections.key_record import KeyRecord
from projections.listed_key import ListedKey, listed_key
from projections.selection import Selection, parse_selection
from projections.view import View

MAX_EXPRESSION = 1000

router = APIRouter()

StateName: TypeAlias = Literal["active", "disabled", "revoked", "expired"]


class KeysPage(KeysDocument, frozen=True, kw_only=True):
    """Keys in rows, by name; `next` is the cursor to go on with."""

    next: str | None


_ROW = ListedKey(
    id="590670b2-3f14-4c0a-9d7e-0c2b8a1f6e55",
    name="ci-github-actions",
    kind="long-lived",
    source="keyledger",
    external_id=None,
    masked="kl_1a2B...9zY8",
    owner="platform-team",
    state="active",
    created_at="2026-05-31T12:00:00Z",
    created_by="ada@example.com",
    first_used_at="2026-06-01T08:30:00Z",
    last_used_at="2026-06-02T08:30:00Z",
    use_count=2,
    error_count=0,
    services=["deploy"],
    successor_id=None,
    overlap_ends_at=None,
)
_PAGE = KeysPage(organization="acme", position=9, keys=[_ROW], next=None)


@route(router, LIST_KEYS, Answer(200, KeysPage, "The keys, by name.", _PAGE))
def list_keys(
    desk: DeskAtHand,
    caller: CallerAtHand,
    state: Annotated[StateName | None, Query(description="Only keys in this state.")] = None,
    where: Annotated[
        str | None,
        Query(max_length=MAX_EXPRESSION, description="An expression such as `service=pay* and owner=bob`."),
    ] = None,
    temporary: Annotated[bool, Query(description="Temporary credentials too.")] = False,
    limit: PageLimit = DEFAULT_PAGE,
    cursor: Cursor = None,
) -> Response:
    """Long-lived keys with owner, state and last use."""
    selection = None if where is None else parse_selection(where)
    with desk.view(caller.org) as view:
        now = desk.clock()
        meant = [
            each
            for each in _meant(view, selection, now)
            if (temporary or each.kind is KeyKind.LONG_LIVED) and state in (None, each.status(now))
        ]
        shown, following = page(meant, _place, limit, cursor)
        rows = [listed_key(record, now) for record in view.records_of([each.id for each in shown])]
        position = view.position
    return answer(KeysPage(organization=caller.org.name, position=position, keys=rows, next=following))


def _meant(view: View, selection: Selection | None, now: int) -> Sequence[KeyOutline | KeyRecord]:
    """What is chosen from: with their uses only where those decide, as there are very many."""
    if selection is None:
        return view.outlines()
    return [record for record in view.records() if selection.means(record, now)]


_FINDING = (ProblemKind.NOT_FOUND, ProblemKind.AMBIGUOUS)


@route(router, SHOW_KEY, Answer(200, KeyDocument, "The key."), problems=_FINDING)
def show_key(desk: DeskAtHand, caller: CallerAtHand, key: KeyInPath) -> Response:
    """A key's facts, who uses it and who was refused."""
    key_id = desk.ledger.find_key(caller.org, key).key_id
    with desk.view(caller.org) as view:
        record = view.record(key_id)
        return answer(key_document(caller.org.name, view.position, record, desk.clock()))


@route(router, KEY_HISTORY, Answer(200, HistoryDocument, "What happened, oldest first."), problems=_FINDING)
def key_history(desk: DeskAtHand, caller: CallerAtHand, key: KeyInPath) -> Response:
    """The events of a key, uses apart, with who did it: `on_behalf_of` is a claim of the key that acted."""
    key_id = desk.ledger.find_key(caller.org, key).key_id
    with desk.view(caller.org) as view:
        record = view.record(key_id)
        story = view.timeline(record.id)
        document = history_document(caller.org.name, view.position, record.id, story, view.people())
    return answer(document)


def _place(key: KeyOutline | KeyRecord) -> Place:
    return (key.name, format_id(key.id))
