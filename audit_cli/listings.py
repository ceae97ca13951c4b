"""What sources say exists, by the readers of the importers, and of which keys they list all."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import typer

from ledger.importers.credential_report_file import (
    CredentialReport,
    load_credential_report,
    parse_credential_report,
)
from ledger.importers.gcp_service_account_keys import read_service_account_keys
from ledger.importers.iam_access_keys import read_access_keys
from ledger.importers.iam_credential_report import assumed_generation, report_items
from ledger.importers.inventory_file import InventoryKey, load_inventory, parse_inventory
from ledger.observation import Observation, UsageSummary, observed_key_id
from ledger.usage import Refusal
from projections.reconciliation import Extent, SourceKey

if TYPE_CHECKING:
    from audit_cli.session import Session

KINDS = ("iam-access-keys", "gcp-service-account-keys", "iam-credential-report")

OnRefused = Callable[[Refusal], object]


class Listing(msgspec.Struct, frozen=True):
    """The keys that a source lists, each once, and of which it lists all."""

    keys: list[SourceKey]
    extent: Extent


def listing_of(
    kind: str | None, paths: list[Path], session: "Session", listed_at: int | None, on_refused: OnRefused
) -> Listing:
    """What files of a kind, or plain inventories, say exists; `on_refused` hears of what cannot be read."""
    match kind:
        case None:
            return _inventories(paths, session.now if listed_at is None else listed_at, on_refused)
        case "iam-access-keys":
            return _by_owner(_observations(read_access_keys(paths, session.now), on_refused), session)
        case "gcp-service-account-keys":
            told = _observations(read_service_account_keys(paths, session.now), on_refused)
            return _by_owner(told, session)
        case _:
            reports = [_report(path) for path in paths]
            moments = [_generated_at(report, listed_at, session.now) for report in reports]
            told = [
                each
                for report, at in zip(reports, moments, strict=True)
                for each in _observations(report_items(report, at, session.now), on_refused)
            ]
            return _credential_reports(told, session, min(moments))


def _inventories(paths: list[Path], at: int, on_refused: OnRefused) -> Listing:
    keys = [key for path in paths for key in _inventory(path, on_refused)]
    accounts = {key.account for key in keys}
    known = frozenset() if None in accounts else frozenset(each for each in accounts if each)
    told = [
        SourceKey(
            key.external_id, key.source, key.account, key.state, key.owner, key.created_at, None, key.where
        )
        for key in keys
    ]
    return Listing(told, Extent(at, accounts=known))


def _inventory(path: Path, on_refused: OnRefused) -> list[InventoryKey]:
    if str(path) == "-":
        return parse_inventory(typer.get_binary_stream("stdin"), "standard input", on_refused)
    return load_inventory(path, on_refused)


def _report(path: Path) -> CredentialReport:
    if str(path) == "-":
        return parse_credential_report(typer.get_binary_stream("stdin"), "standard input")
    return load_credential_report(path)


def _generated_at(report: CredentialReport, listed_at: int | None, now: int) -> int:
    if listed_at is not None:
        return listed_at
    return assumed_generation(report, now) if report.generated_at is None else report.generated_at


def _observations(
    items: Iterable[Observation | UsageSummary | Refusal], on_refused: OnRefused
) -> list[Observation]:
    told: list[Observation] = []
    for item in items:
        match item:
            case Observation():
                told.append(item)
            case Refusal():
                on_refused(item)
            case UsageSummary():
                pass  # of uses no inventory tells
    return sorted(told, key=lambda each: each.occurred_at)


def _by_owner(told: list[Observation], session: "Session") -> Listing:
    """An answer is of one user or service account, so all keys are told of those that have any."""
    answered = {each.owner: each.occurred_at for each in told if each.owner}
    extent = Extent(
        min(answered.values(), default=session.now),
        sources=frozenset({each.key.source for each in told}),
        owners=frozenset(answered),
    )
    return Listing(_keys(told, session), extent if answered else Extent(session.now))


def _credential_reports(told: list[Observation], session: "Session", at: int) -> Listing:
    extent = Extent(
        at,
        sources=frozenset({each.key.source for each in told}),
        accounts=frozenset({each.key.account for each in told if each.key.account}),
    )
    return Listing(_keys(told, session), extent)


def _keys(told: list[Observation], session: "Session") -> list[SourceKey]:
    """The keys, each once: what was told of it last stands."""
    latest: dict[bytes, SourceKey] = {}
    for each in told:
        key_id = observed_key_id(session.organization.id, each.key)
        latest[key_id] = SourceKey(
            each.key.external_id,
            each.key.source,
            each.key.account,
            each.state,
            each.owner,
            each.created_at,
            key_id,
            each.where,
        )
    return list(latest.values())
