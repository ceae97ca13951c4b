"""An audit as one would write it by hand for a ledger of one's own: in plain SQL, with the same findings.

It asks what the rules ask of keys of another source whose uses are all reported, and imports nothing of ours.
Started as a program with the ledger, the moment of the audit and the file to write.
"""

import json
import sqlite3
import sys
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

DAY = 86_400_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WORST_FIRST = ("critical", "high", "medium", "low", "info")
_DIRE = {"aged-key": "rotate", "shared-key": "split", "unused-key": "disable"}

_KEYS = """
    SELECT key_id, coalesce(name, external_id), external_id, source, kind, masked, owner_name, state,
           created_at, created_by_name, created_position, inventory_position
    FROM keys WHERE kind = 'long-lived' ORDER BY 2, key_id"""
_USES = """
    SELECT key_id, service, nullif(caller, ''), use_count, error_count, first_at, last_at, last_position
    FROM key_usage ORDER BY key_id, service, caller"""
_PAUSES = """
    SELECT count(*) FROM (
        SELECT first_at, lag(last_at) OVER (PARTITION BY key_id ORDER BY day) AS earlier FROM key_days)
    WHERE first_at - earlier >= ? AND first_at >= ?"""
_REFUSED = "SELECT count(*) FROM key_denials WHERE last_at >= ?"
_UNCOVERED = "SELECT count(*) FROM reported_coverage WHERE covers_from > ? OR covers_to < ?"


class _Use(NamedTuple):
    service: str
    caller: str | None
    uses: int
    errors: int
    first_at: int
    last_at: int
    position: int


def main() -> None:
    """Audit one ledger at a moment, into a file."""
    address, now, output = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    ledger = sqlite3.connect(address)
    (paused,) = ledger.execute(_PAUSES, (90 * DAY, now - 30 * DAY)).fetchone()
    (refused,) = ledger.execute(_REFUSED, (now - 30 * DAY,)).fetchone()
    (uncovered,) = ledger.execute(_UNCOVERED, (now - 45 * DAY, now - 2 * DAY)).fetchone()
    if paused or refused or uncovered:
        sys.exit("there is more to find here than this program knows of")
    uses: dict[bytes, list[_Use]] = defaultdict(list)
    for key_id, *use in ledger.execute(_USES):
        uses[key_id].append(_Use(*use))
    keys, findings = [], []
    for row in ledger.execute(_KEYS):
        key, found = _judged(row, uses[row[0]], now)
        keys.append(key)
        findings += found
    findings.sort(
        key=lambda each: (
            _WORST_FIRST.index(each["severity"]),
            each["rule"],
            each["key_name"],
            each["key_id"],
        )
    )
    output.write_text(json.dumps({"keys": keys, "findings": findings}, indent=2, ensure_ascii=False) + "\n")


def _judged(row: Any, uses: list[_Use], now: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:  # noqa: ANN401
    key_id, name, external_id, source, kind, masked, owner, state, created_at, created_by, position, _ = row
    first_at = min((use.first_at for use in uses), default=None)
    last_at = max((use.last_at for use in uses), default=None)
    idle = now - max(last_at or 0, created_at)
    unused = last_at is not None and idle >= 45 * DAY
    key = {
        "id": _identifier(key_id),
        "name": name,
        "kind": kind,
        "source": source,
        "external_id": external_id,
        "masked": masked,
        "owner": owner,
        "state": state,
        "created_at": _moment(created_at),
        "created_by": created_by,
        "first_used_at": _moment(first_at),
        "last_used_at": _moment(last_at),
        "use_count": sum(use.uses for use in uses),
        "error_count": sum(use.errors for use in uses),
        "services": sorted({use.service for use in uses}),
        "successor_id": None,
        "overlap_ends_at": None,
        "age_days": _days(now - created_at),
        "idle_days": _days(idle),
        "usage": "never-used" if last_at is None else "unused" if unused else "used",
    }
    found = []
    if state == "active":
        if unused:
            message = f"last used {_moment(last_at)}, idle for {_span(idle)} (limit 45d)"
            found.append(("unused-key", message, [use.position for use in uses if use.last_at == last_at]))
        if now - created_at >= 90 * DAY:
            message = f"created {_moment(created_at)}, {_span(now - created_at)} old (limit 90d)"
            found.append(("aged-key", message, [position]))
        known = [use for use in uses if use.caller and use.last_at >= now - 30 * DAY]
        callers = sorted({use.caller for use in known if use.caller})
        if len(callers) > 1:
            message = f"{len(callers)} callers within 30d: {', '.join(callers)}"
            found.append(("shared-key", message, [use.position for use in known]))
    return key, [_finding(key, key_id, *each) for each in found]


def _finding(
    key: dict[str, Any], key_id: bytes, rule: str, message: str, positions: list[int]
) -> dict[str, Any]:
    named = bytes([0xA0 + len(rule)]) + rule.encode()
    return {
        "id": sha256(b"\x93\xa7finding" + named + b"\xc4\x10" + key_id).hexdigest()[:16],
        "rule": rule,
        "severity": "medium",
        "status": "open",
        "key_id": key["id"],
        "key_name": key["name"],
        "external_id": key["external_id"],
        "message": message,
        "evidence": sorted(set(positions)),
        "remedy": f"{_DIRE[rule]} {key['external_id']} at its source ({key['source']})",
        "waiver": None,
    }


def _identifier(raw: bytes) -> str:
    text = raw.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _moment(at: int | None) -> str | None:
    if at is None:
        return None
    text = (_EPOCH + timedelta(microseconds=at)).isoformat()[:26].removesuffix("+00:00")
    return (text.rstrip("0") if "." in text else text) + "Z"


def _days(span: int) -> float:
    whole, rest = divmod(span // (DAY // 1_000_000), 1_000_000)
    return whole + rest / 1_000_000 if rest else whole


def _span(microseconds: int) -> str:
    text, seconds = "", microseconds // 1_000_000
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")):
        count, seconds = divmod(seconds, size)
        text += f"{count}{unit}" if count else ""
    return text or "0s"


if __name__ == "__main__":
    main()
