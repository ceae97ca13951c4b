"""Texts side by side."""

from collections.abc import Sequence

from tabulate import tabulate

GAP = 2
# tabulate makes a column this much wider than its header.
_BESIDE_HEADER = 2
SEVERITY_WIDTH = len("Severity") + _BESIDE_HEADER
CONTROL_WIDTH = len("Control") + _BESIDE_HEADER


def columns(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of cells that may have several lines, without blanks at the end of its own."""
    text = tabulate(rows, headers, tablefmt="simple", disable_numparse=True)
    return "\n".join(line.rstrip() for line in text.splitlines())
