"""The top of the page: what the audit comes to in a sentence, and its figures."""

from audit_cli.reports.headline import changes
from audit_cli.reports.html.links import to_findings, to_keys
from audit_cli.reports.html.markup import Markup, element, join, text
from audit_cli.reports.html.sheet import Sheet, counted
from projections.audit.severity import Severity
from projections.audit.usage_state import UsageState

_AGED = "aged-key"
_URGENT = (Severity.CRITICAL, Severity.HIGH)


def headline(sheet: Sheet) -> Markup:
    """The sentence that somebody reads who reads nothing else, and one that says what comes first."""
    said = [
        element("p", text(verdict(sheet)), class_="verdict"),
        element("p", text(_first(sheet)), class_="lead"),
    ]
    said += [element("p", text(change), class_="lead") for change in changes(sheet.report)]
    return join(said)


def verdict(sheet: Sheet) -> str:
    """How many of the keys need attention, and how many at once."""
    keys, found = len(sheet.keys), len(sheet.open_by_key)
    if not keys:
        return "There is no key to audit."
    if not found:
        waived = sheet.report.summary.waived
        accepted = f"; {counted(waived, 'finding')} {'is' if waived == 1 else 'are'} waived" if waived else ""
        return f"Nothing is open on {'the one key' if keys == 1 else f'any of {keys:,} keys'}{accepted}."
    urgent = _urgent(sheet)
    needs = "needs" if found == 1 else "need"
    at_once = f", {urgent:,} of them at once" if urgent and urgent != found else ""
    at_once = ", at once" if urgent and urgent == found else at_once
    return f"{found:,} of {counted(keys, 'key')} {needs} attention{at_once}."


def tiles(sheet: Sheet) -> Markup:
    """The figures, each a link to the keys or findings that it counts."""
    report = sheet.report
    active = sheet.active
    idle = sum(key.usage in {UsageState.UNUSED, UsageState.NEVER_USED} for key in active)
    unknown = sum(key.usage is UsageState.NO_DATA for key in active)
    urgent = sum(report.summary.by_severity[severity] for severity in _URGENT)
    of_all, of_active = f"of {counted(len(sheet.keys), 'key')}", f"of {counted(len(active), 'active key')}"
    shown = [
        to_keys(*_tile(len(sheet.open_by_key), f"{of_all} need attention"), found="open"),
        to_findings(*_tile(urgent, "critical and high findings"), severity="urgent", status="open"),
        to_keys(*_tile(idle, f"{of_active} unused or never used"), usage="idle"),
    ]
    if _AGED in report.summary.by_rule:
        tile = _tile(report.summary.by_rule[_AGED], "active keys past their maximum age")
        shown.append(to_findings(*tile, rule=_AGED, status="open"))
    shown += [
        to_keys(*_tile(unknown, "active keys without usage data"), usage=UsageState.NO_DATA, state="active"),
        to_findings(*_tile(report.summary.waived, "findings accepted for a time"), status="waived"),
    ]
    return element("ul", *(element("li", each) for each in shown), class_="tiles")


def _tile(figure: int, label: str) -> tuple[Markup, Markup]:
    return element("strong", text(f"{figure:,}")), element("span", text(label))


def _urgent(sheet: Sheet) -> int:
    return sum(any(each.severity in _URGENT for each in found) for found in sheet.open_by_key.values())


def _first(sheet: Sheet) -> str:
    """What to look at first: the rules behind the worst findings."""
    worst = [finding for finding in sheet.report.open_findings if finding.severity in _URGENT]
    rules = list(dict.fromkeys(finding.rule for finding in worst))
    if rules:
        return f"Begin with {counted(len(worst), 'critical or high finding')}: {_listed(rules)}."
    if sheet.report.open_findings:
        return "No finding is critical or high."
    asked = counted(len(sheet.report.summary.by_rule), "rule")
    return f"Each was judged by {asked}; what could not be judged is told below."


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
