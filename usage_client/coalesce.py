"""Coalescing: uses of one key by one caller become one line with count, first and last moment, all exact.

What is coalesced is a segment that nobody writes to any more, and the ids are derived from its name, so that
a process that takes it over after a crash makes the very same lines, which are recognized and count once.
"""

from collections.abc import Sequence
from typing import Any

from usage_client.courtesy import courteously
from usage_client.moments import parse_moment
from usage_client.use_id import derived_id
from usage_client.use_line import read_line, write_line

# The address belongs to the caller, and an audit asks for it; the agent is left out.
_SAME = ("key", "service", "caller", "reporter", "source_ip")


def coalesced(name: str, lines: Sequence[bytes]) -> list[bytes]:
    """The lines of what was taken under a name; one that has no like stays as it is."""
    groups: dict[tuple[str | None, ...], list[tuple[bytes, dict[str, Any]]]] = {}
    for line in courteously(lines):
        fields = read_line(line)
        groups.setdefault(tuple(fields.get(field) for field in _SAME), []).append((line, fields))
    return [_one(name, uses) for uses in courteously(groups.values())]


def _one(name: str, uses: Sequence[tuple[bytes, dict[str, Any]]]) -> bytes:
    if len(uses) == 1:
        return uses[0][0]
    texts = [fields["occurred_at"] for _, fields in uses]
    first, last = min(texts, key=parse_moment), max(texts, key=parse_moment)
    same = {field: uses[0][1].get(field) for field in _SAME}
    use_id = derived_id(parse_moment(first), name, *(str(value) for value in same.values()))
    errors = sum(bool(fields.get("error")) for _, fields in uses)
    more = {"count": len(uses), "last_at": last, "error_count": errors}
    return write_line({**same, "occurred_at": first, "id": use_id, **more})
