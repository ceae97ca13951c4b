"""What a scan found as SARIF 2.1.0, so that code scanning shows it beside the line."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from audit_cli.reports.terminal import printable
from audit_cli.scan_result import ScanResult
from ledger import __version__
from ledger.ids import digest
from ledger.scanning.found import Place

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEAKED, _UNKNOWN = "leaked-key", "unknown-secret"
_FINGERPRINT = 16

_RULES = [
    {
        "id": _LEAKED,
        "name": "LeakedKey",
        "shortDescription": {"text": "The secret of an API key stands where others can read it."},
        "help": {
            "text": "Rotate or revoke the key, then remove the secret. A deleted line stays in history."
        },
        "defaultConfiguration": {"level": "error"},
        "properties": {"security-severity": "9.5", "tags": ["security"]},
    },
    {
        "id": _UNKNOWN,
        "name": "UnknownSecret",
        "shortDescription": {"text": "A secret of an API key that was not looked up or is of nobody here."},
        "help": {"text": "Find out whose key it is, have it ended, then remove the secret."},
        "defaultConfiguration": {"level": "error"},
        "properties": {"security-severity": "8.0", "tags": ["security"]},
    },
]


def sarif(result: ScanResult, here: str) -> dict[str, Any]:
    """A log of one run with a result for each place; a key that has ended is only a note."""
    return {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "keyledger", "version": __version__, "rules": _RULES}},
                "automationDetails": {"id": "keyledger/scan/"},
                "invocations": [_invocation(result)],
                "results": list(_results(result, f"{here}/")),
            }
        ],
    }


def _invocation(result: ScanResult) -> dict[str, Any]:
    told = [{"level": "error", "message": {"text": result.doubt}}] if result.doubt else []
    is_whole = not (result.haul.unreadable_count or result.doubt)
    return {"executionSuccessful": is_whole, "toolExecutionNotifications": told}


def _results(result: ScanResult, here: str) -> Iterator[dict[str, Any]]:
    for key in result.keys:
        text = f"The secret of the key {printable(key.name)} ({key.short_id}), which is {key.state}."
        for place in key.places:
            yield _result(_LEAKED, "error" if key.is_live else "note", text, place, key.id, here)
    for stray in result.strays:
        text = f"A secret of an API key: {stray.masked}."
        for place in stray.places:
            yield _result(_UNKNOWN, "error", text, place, stray.masked, here)


def _result(rule: str, level: str, text: str, place: Place, subject: str, here: str) -> dict[str, Any]:
    return {
        "ruleId": rule,
        "level": level,
        "message": {"text": text},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": _uri(place, here)},
                    "region": {"startLine": place.line},
                }
            }
        ],
        "partialFingerprints": {"place/v1": digest(rule, subject, str(place)).hex()[:_FINGERPRINT]},
        "properties": {"repository": place.repository, "commit": place.commit},
    }


def _uri(place: Place, here: str) -> str:
    """Relative to the current folder, as code scanning wants it; what is elsewhere by its whole path."""
    return quote(place.path.removeprefix(here))
