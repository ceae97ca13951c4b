"""What a scan found, as text, as JSON or as SARIF; a secret is shown by its masked value alone."""

from collections.abc import Iterator
from typing import Any, Literal, assert_never

import msgspec

from audit_cli.reports.scan_sarif import sarif
from audit_cli.reports.terminal import printable
from audit_cli.scan_result import FoundKey, ScanResult
from audit_cli.wording import counted
from ledger.scanning.found import Place

SCHEMA = "keyledger.scan/1"

_SHOWN = 20
_DAY = len("2024-05-31")
_UNITS = ((10**9, "GB"), (10**6, "MB"), (10**3, "kB"))


def render_scan(result: ScanResult, form: Literal["table", "json", "sarif"], here: str) -> str:
    """The result in a format; `here` is what its places call the current folder."""
    match form:
        case "table":
            return "".join(f"{line}\n" for line in _lines(result)) or "No secret was found.\n"
        case "json":
            return _indented(_document(result))
        case "sarif":
            return _indented(sarif(result, here))
        case _:
            assert_never(form)


def summary(result: ScanResult) -> Iterator[str]:
    """What was scanned, what was passed over, and what the ledger was told: lines for people."""
    haul = result.haul
    for missed in haul.unreadable[:_SHOWN]:
        yield f"{missed.path}: {missed.reason}"
    if haul.unreadable_count > _SHOWN:
        yield f"... and {haul.unreadable_count - _SHOWN:,} more that could not be read"
    past = f" and {counted(haul.objects, 'object')} of git history" if haul.objects else ""
    yield f"Scanned {counted(haul.files, 'file')}{past}, {_size(haul.bytes)}.{''.join(_passed_over(result))}"
    if haul.found_count > len(haul.found):
        yield f"{haul.found_count:,} secrets were found; these are the first {len(haul.found):,}."
    if result.recorded is not None:
        known = result.places - result.recorded
        before = f", {known:,} known already" if known else ""
        yield f"Recorded {counted(result.recorded, 'leak')}{before}."


def _passed_over(result: ScanResult) -> Iterator[str]:
    haul = result.haul
    if haul.archives:
        yield f" {counted(haul.archives, 'archive')} not opened."
    if haul.links:
        yield f" {counted(haul.links, 'link')} not followed."
    if haul.unreadable_count:
        yield f" {haul.unreadable_count:,} not readable."


def _lines(result: ScanResult) -> Iterator[str]:
    for key in result.keys:
        yield _headline(key)
        yield from _places(key.places)
    whose = "a secret" if result.organization is None else f"a secret of no key of {result.organization}"
    if result.doubt:
        whose += ", unless of one whose pepper is missing"
    for stray in result.strays:
        yield f"{stray.masked}  {printable(whose)}"
        yield from _places(stray.places)


def _headline(key: FoundKey) -> str:
    used = "never used" if key.last_used_at is None else f"last used {key.last_used_at[:_DAY]}"
    owner = "" if key.owner is None else f"  {key.owner}"
    return printable(
        f"{key.name}  {key.short_id}  {key.state.upper() if key.is_live else key.state}{owner}  {used}"
    )


def _places(places: list[Place]) -> Iterator[str]:
    """Whole and unbroken, so that they can be copied."""
    yield from (f"    {place}" for place in places[:_SHOWN])
    if len(places) > _SHOWN:
        yield f"    ... and {len(places) - _SHOWN:,} more"


def _document(result: ScanResult) -> dict[str, Any]:
    haul = result.haul
    return {
        "schema": SCHEMA,
        "organization": result.organization,
        "files": haul.files,
        "objects": haul.objects,
        "bytes": haul.bytes,
        "archives": haul.archives,
        "links": haul.links,
        "unreadable": haul.unreadable,
        "unreadable_count": haul.unreadable_count,
        "found": haul.found_count,
        "recorded": result.recorded,
        "doubt": result.doubt,
        "keys": [
            {**msgspec.structs.asdict(key), "places": _told(key.places), "live": key.is_live}
            for key in result.keys
        ],
        "unknown": [{"masked": stray.masked, "places": _told(stray.places)} for stray in result.strays],
    }


def _told(places: list[Place]) -> list[dict[str, Any]]:
    return [{"place": str(place), **msgspec.structs.asdict(place)} for place in places]


def _indented(document: dict[str, Any]) -> str:
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n"


def _size(size: int) -> str:
    for unit, name in _UNITS:
        if size >= unit:
            return f"{size / unit:.1f} {name}"
    return counted(size, "byte")
