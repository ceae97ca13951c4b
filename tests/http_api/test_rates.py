from http_api.rates import Rates

KEY = b"k"


def test_what_costs_more_than_a_minute_holds_may_be_asked_once_a_minute() -> None:
    now = 0.0
    rates = Rates(5, lambda: now)

    first, again = rates.take(KEY, 10), rates.take(KEY, 10)
    now += again.retry_after_s
    later = rates.take(KEY, 10)

    assert [first.allowed, again.allowed, later.allowed] == [True, False, True]


def test_a_bucket_refills_by_the_second() -> None:
    now = 0.0
    rates = Rates(60, lambda: now)
    rates.take(KEY, 60)

    now = 0.5
    assert not rates.take(KEY, 1).allowed
    now = 1.0
    assert rates.take(KEY, 1).allowed
    assert rates.take(b"other", 1).allowed
