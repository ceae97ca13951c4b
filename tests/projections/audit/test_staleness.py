from projections.audit.report import audit
from projections.audit.staleness import shown_days, stalest_first
from tests.projections.audit.records import DAY, HOUR, NOW, aws, minted, never_used, unused_since
from tests.projections.audit.samples import SCOPE


def test_the_days_end_with_that_of_the_moment_and_are_half_a_year() -> None:
    first, last = shown_days(NOW + HOUR)

    assert last == NOW // DAY
    assert last - first + 1 == 182


def test_which_keys_are_stale_does_not_depend_on_their_order() -> None:
    records = [minted(), never_used(name="x"), unused_since(NOW - 60 * DAY, name="y"), aws(created_at=None)]
    one, other = (audit(SCOPE, each).judged for each in (records, records[::-1]))

    assert [each.record.id for each in stalest_first(one)] == [
        each.record.id for each in stalest_first(other)
    ]
