"""The rows of the page for its script: texts that repeat are said once and then meant by number."""

from typing import Any

import msgspec

from audit_cli.reports.html.heat_row import HeatRow, described, packed
from audit_cli.reports.html.line import Line
from audit_cli.reports.html.markup import Markup
from audit_cli.reports.html.sheet import Sheet, owner_of
from audit_cli.reports.terminal import printable
from projections.audit.report import AuditedKey

# Stands for a key's id in what is said of many keys; no text that was made printable holds it.
_THE_KEY = "\0"


class Words:
    """Texts by number, in the order in which they came."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def number(self, word: str) -> int:
        """The number of a text."""
        return self._numbers.setdefault(word, len(self._numbers))

    @property
    def listed(self) -> list[str]:
        """The texts."""
        return list(self._numbers)


def data_block(sheet: Sheet, heat: list[HeatRow]) -> Markup:
    """A script element that is no script; what could end it, or begin a comment in it, is escaped."""
    words = Words()
    numbers = {key.id: number for number, key in enumerate(sheet.keys)}
    daily = sheet.report.daily_use
    document = {
        "firstDay": 0 if daily is None else daily.first_day,
        "days": 0 if daily is None else daily.last_day - daily.first_day + 1,
        "keys": [_key(key, words) for key in sheet.keys],
        "findings": [_finding(line, numbers, words) for line in sheet.lines],
        "heat": [_heat(row, numbers) for row in heat],
        "words": words.listed,
    }
    encoded = msgspec.json.encode(document).decode()
    safe = encoded.replace("<", r"\u003c").replace(">", r"\u003e").replace("&", r"\u0026")
    return Markup(f'<script type="application/json" id="data">{safe}</script>')


def _key(key: AuditedKey, words: Words) -> list[Any]:
    outside = key.external_id if key.external_id and key.external_id != key.name else ""
    return [
        key.id,
        printable(key.name),
        printable(outside),
        words.number(printable(owner_of(key))),
        words.number(printable(key.source)),
        words.number(key.state),
        words.number(key.usage),
        key.created_at,
        key.age_days,
        key.last_used_at,
        key.idle_days,
        key.use_count,
        words.number(printable(", ".join(key.services))),
    ]


def _finding(line: Line, numbers: dict[str, int], words: Words) -> list[Any]:
    return [
        numbers[line.key_id],
        words.number(line.rule),
        words.number(line.severity),
        words.number(line.status),
        int(line.is_new),
        printable(line.told),
        line.evidence,
        words.number(printable(line.remedy).replace(line.key_id, _THE_KEY)),
    ]


def _heat(row: HeatRow, numbers: dict[str, int]) -> list[Any]:
    marked = -1 if row.marked is None else row.marked
    return [numbers[row.key_id], packed(row.levels), row.born, marked, row.uses, described(row)]
