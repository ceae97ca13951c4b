"""How fast a past moment is answered, against rebuilding everything from the same events."""

from functools import partial

from benchmarks.comparison import Comparison
from benchmarks.pairing import Measured, paired, rate
from benchmarks.site import Site
from benchmarks.subject import Subject
from benchmarks.traffic import DAY_US, START
from projections.rebuild import rebuild
from projections.view import open_view

# Uses are spread over thirty days, the first of which has a thirtieth of them.
_FIRST_DAY, _LAST_DAY = START + DAY_US - 1, START + 30 * DAY_US - 1


def _against_rebuild(at: int, site: Site) -> Measured:
    bulk = site.bulk()
    subject, events = bulk.subject, bulk.fill(site.scale.events)
    rebuild(subject.database)
    return paired(
        lambda _number: rate(events, partial(_look_back, subject, at)),
        lambda _number: rate(events, partial(rebuild, subject.database)),
        site.scale.rebuilds,
    )


def _look_back(subject: Subject, at: int) -> None:
    with open_view(subject.database, subject.organization.id, at):
        pass


COMPARISONS = (
    Comparison(
        "sqlite-as-of",
        "SQLite: a view as of the end of the 30 days, which takes nearly all of the events",
        "a rebuild of the same events",
        1,
        "events/s",
        partial(_against_rebuild, _LAST_DAY - DAY_US // 2),
    ),
    Comparison(
        "sqlite-as-of-bounded",
        "SQLite: a view as of the first of the 30 days, whose daily figures tell where its uses end",
        "a rebuild of all of the events",
        20,
        "events/s",
        partial(_against_rebuild, _FIRST_DAY),
    ),
)
