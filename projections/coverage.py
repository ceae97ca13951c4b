"""What was declared to be covered, of whose keys, and by whom."""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from projections.key_record import MINTED_HERE
from projections.periods import Period, merge_periods
from projections.reporter import Reporter, Stretch, merge_stretches
from projections.tables import TABLES


class SummaryRow(NamedTuple):
    """A row of the table of summaries."""

    position: int
    key_id: bytes
    occurred_at: int
    covers_from: int
    covers_to: int
    first_used_at: int | None
    last_used_at: int | None
    use_count: int | None
    reporter: str


class SummarizedCoverage(NamedTuple):
    """How many keys a report told of, each by itself, and from when to when any of them."""

    reporter: str
    keys: int
    covers_from: int
    covers_to: int


class Coverage:
    """The periods that reporters vouched for, by source and account."""

    def __init__(self, connection: Connection, organization_id: bytes) -> None:
        self.reporters = read_reporters(connection, organization_id)
        self._merged: dict[tuple[str, str | None], tuple[Period, ...]] = {}
        self._ours = _by_name(self.reporters)

    def covered(
        self, source: str, account: str | None, summaries: Sequence[SummaryRow]
    ) -> tuple[Period, ...]:
        """The merged periods in which every use of a key was told, by reporters or by its own summaries."""
        reported = self._of_source(source, account)
        if not summaries:
            return reported
        return merge_periods([*reported, *((each.covers_from, each.covers_to) for each in summaries)])

    def reporters_of(self, source: str) -> tuple[Reporter, ...]:
        """Those that see the uses of keys minted here; of other sources each reporter sees all by itself."""
        return self._ours if source == MINTED_HERE else ()

    def _of_source(self, source: str, account: str | None) -> tuple[Period, ...]:
        """A reporter of one account says nothing of a key whose account is another or unknown."""
        group = (source, account)
        if group not in self._merged:
            self._merged[group] = merge_periods(
                (stretch.covers_from, stretch.covers_to)
                for each in self.reporters
                if each.source in (None, source) and each.account in (None, account)
                for stretch in each.stretches
            )
        return self._merged[group]


def read_reporters(connection: Connection, organization_id: bytes) -> list[Reporter]:
    """All reporters that declared anything, by name and what they report of."""
    covered, retired = TABLES.coverage, TABLES.retired
    ends: dict[str, list[int]] = defaultdict(list)
    query = select(retired.c.reporter, retired.c.occurred_at).order_by(retired.c.occurred_at)
    for name, at in connection.execute(query.where(retired.c.organization_id == organization_id)):
        ends[name].append(at)
    stretches: dict[tuple[str, str | None, str | None], list[Stretch]] = defaultdict(list)
    columns = (covered.c[name] for name in ("reporter", "source", "account", *Stretch.__struct_fields__))
    for name, source, account, *stretch in connection.execute(
        select(*columns).where(covered.c.organization_id == organization_id)
    ):
        stretches[name, source, account].append(Stretch(*stretch))
    return [
        Reporter(*by_whom, tuple(sorted(stretches[by_whom])), tuple(ends[by_whom[0]]))
        for by_whom in sorted(stretches, key=lambda each: tuple(text or "" for text in each))
    ]


def read_summarized(connection: Connection, organization_id: bytes) -> list[SummarizedCoverage]:
    """What reports covered that speak of each key by itself, by their names."""
    told, keys = TABLES.summaries.c, TABLES.keys.c
    query = select(
        told.reporter,
        func.count(told.key_id.distinct()),
        func.min(told.covers_from),
        func.max(told.covers_to),
    ).where(told.key_id.in_(select(keys.key_id).where(keys.organization_id == organization_id)))
    found = connection.execute(query.group_by(told.reporter).order_by(told.reporter))
    return [SummarizedCoverage(*row) for row in found]


def _by_name(reporters: Sequence[Reporter]) -> tuple[Reporter, ...]:
    """Those of keys minted here, each with all that it declared of them."""
    ours: dict[str, list[Reporter]] = defaultdict(list)
    for each in reporters:
        if each.source in (None, MINTED_HERE) and each.account is None:
            ours[each.name].append(each)
    return tuple(
        Reporter(
            name,
            MINTED_HERE,
            None,
            merge_stretches(stretch for each in parts for stretch in each.stretches),
            parts[0].retired_at,
        )
        for name, parts in ours.items()
    )
