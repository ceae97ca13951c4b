"""`keyledger reconcile`: what a source says exists against what the ledger knows."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from audit_cli import console
from audit_cli.failures import COULD_NOT, FINDINGS, tell
from audit_cli.options import Options, command
from audit_cli.values import FormatOption, moment

if TYPE_CHECKING:
    from audit_cli.session import Session
    from projections.reconciliation import Reconciliation


class FailOn(StrEnum):
    """The differences that fail a run: those of `projections.reconciliation`, all of them or none."""

    ANY = "any"
    UNKNOWN_HERE = "unknown-here"
    GONE_THERE = "gone-there"
    STATE_DIFFERS = "state-differs"
    OWNER_DIFFERS = "owner-differs"
    CREATION_DIFFERS = "creation-differs"
    NONE = "none"


app = typer.Typer(rich_markup_mode=None)

_DAY_US = 86_400_000_000


class ReconcileOptions(NamedTuple):
    """What lists which keys, and which differences matter."""

    what: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH",
            help="Inventories; or iam-access-keys, iam-credential-report or gcp-service-account-keys and what"
            " such an import reads.",
            show_default=False,
        ),
    ]
    source: Annotated[
        str | None, typer.Option(metavar="SOURCE", help="Whose keys an inventory lists, such as aws.")
    ] = None
    partial: Annotated[bool, typer.Option("--partial", help="It lists some keys only: none is gone.")] = False
    as_of: Annotated[
        int | None,
        typer.Option(
            parser=moment, metavar="TIME", help="Compare with what was true then, when it was listed."
        ),
    ] = None
    fail_on: Annotated[
        list[FailOn] | None,
        typer.Option(
            metavar="DIFFERENCE",
            help="Exit with status 3 on this; repeat for several. Or none.",
            show_default="any",
        ),
    ] = None
    form: FormatOption = "table"


@command(app, "reconcile")
def reconcile(options: Options, asked: ReconcileOptions) -> None:
    """Compare what a source says exists with what is known.

    Tells keys that are unknown here, gone there, or in another state, with another owner or time of creation.
    An inventory is CSV, NDJSON or JSON with external_id (the id, for a key minted here) and what it has of
    state, owner, created_at, source and account. All keys here of the sources (and accounts or, of
    answers, users) that it lists must be in it. Nothing is recorded: `keyledger import` does that.

    Example: keyledger reconcile inventory.csv --source aws
    """
    from audit_cli.reports.reconciliation import reconciliation_table, tally
    from audit_cli.session import open_session
    from projections.documents.reconciliation import reconciliation_document

    kind, paths = _listed(asked.what)
    if kind is not None and asked.source is not None:
        raise typer.BadParameter(f"--source is for inventories: {kind} says whose keys it lists")
    with open_session(options) as session:
        found, position = _compared(session, kind, paths, asked)
        organization = session.organization.name
        is_old = asked.as_of is None and session.now - found.extent.listed_at > _DAY_US
    if asked.form == "json":
        console.result_json(reconciliation_document(organization, position, found))
    elif found.differences:
        console.result(reconciliation_table(found))
    console.note(tally(found))
    if is_old:
        from audit_cli.wording import moment as shown

        console.note(
            f"What was listed is of {shown(found.extent.listed_at)}, and was compared with what is true now;"
            " --as-of compares with a past moment."
        )
    if _fails(found, set(asked.fail_on or [FailOn.ANY])):
        raise typer.Exit(FINDINGS)


def _fails(found: "Reconciliation", fatal: set[FailOn]) -> bool:
    if FailOn.NONE in fatal:
        return False
    return any(FailOn.ANY in fatal or FailOn(each.kind) in fatal for each in found.differences)


def _listed(what: list[str]) -> tuple[str | None, list[Path]]:
    from audit_cli.listings import KINDS

    kind = what[0] if what[0] in KINDS else None
    paths = [Path(path) for path in what[kind is not None :]]
    if not paths:
        raise typer.BadParameter(f"say which files: keyledger reconcile {kind} PATH...")
    return kind, paths


def _compared(
    session: "Session", kind: str | None, paths: list[Path], asked: ReconcileOptions
) -> "tuple[Reconciliation, int]":
    from msgspec.structs import replace

    from audit_cli.listings import listing_of
    from ledger.errors import InvalidInput
    from ledger.usage import Refusal
    from projections.reconciliation import KnownKeys, reconcile

    refused: list[Refusal] = []
    listing = listing_of(kind, paths, session, asked.as_of, refused.append)
    if refused:
        for refusal in refused:
            tell(f"{refusal.where}: {refusal.reason}")
        tell("nothing was compared: what cannot be read might be what seems to be missing")
        raise typer.Exit(COULD_NOT)
    keys = [replace(key, source=key.source or asked.source) for key in listing.keys]
    with session.view(asked.as_of) as view:
        known = KnownKeys(view.records(), view.aliases())
        position = view.position
    extent = listing.extent
    if kind is None:
        met = {record.source for key in keys if (record := known.find(key)) is not None}
        sources = {asked.source} if asked.source else met | {key.source for key in keys if key.source}
        extent = replace(extent, sources=frozenset(sources))
    if not (keys or extent.sources or asked.partial):
        raise InvalidInput(
            "no key is listed there, so nothing was compared; where that is right, say with --source whose"
            " keys it lists"
        )
    if asked.partial:
        extent = replace(extent, sources=frozenset())
    return reconcile(keys, known, extent), position
