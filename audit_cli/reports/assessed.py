"""What came of rules and keys without a finding, as rows for people and for spreadsheets."""

from itertools import groupby
from operator import attrgetter

from audit_cli.reports.columns import GAP, columns
from audit_cli.reports.terminal import printable, wrapped
from projections.audit.assessments import Assessment
from projections.audit.findings import Finding

_SHORT_ID = 8
_OUTCOME_WIDTH = len("not-applicable")


def assessed_table(assessments: list[Assessment], width: int) -> str:
    """A row for each key, in lines of at most `width` characters."""
    room = width - _OUTCOME_WIDTH - 2 * GAP
    longest_name = max(len(printable(each.key_name)) for each in assessments)
    key_width = min(max(longest_name, _SHORT_ID), room // 3)
    rows = [
        _row(list(of_key), key_width, room - key_width)
        for _, of_key in groupby(assessments, key=attrgetter("key_id"))
    ]
    return columns(("Key", "Outcome", "Rule"), rows)


def _row(of_key: list[Assessment], key_width: int, room: int) -> tuple[str, str, str]:
    name = f"{wrapped(of_key[0].key_name, key_width)}\n{of_key[0].key_id[:_SHORT_ID]}"
    texts = [wrapped(each.rule + (f": {each.reason}" if each.reason else ""), room) for each in of_key]
    # Each outcome stands beside the first line of its rule.
    outcomes = (each.outcome + "\n" * text.count("\n") for each, text in zip(of_key, texts, strict=True))
    return name, "\n".join(outcomes), "\n".join(texts)


def as_finding(assessment: Assessment) -> dict[str, object]:
    """The assessment under the names of a finding's fields, its outcome as the status."""
    blank: dict[str, object] = dict.fromkeys(Finding.__struct_fields__)
    return blank | {
        "rule": assessment.rule,
        "severity": assessment.severity,
        "status": assessment.outcome,
        "key_id": assessment.key_id,
        "key_name": assessment.key_name,
        "external_id": assessment.external_id,
        "message": assessment.reason,
    }
