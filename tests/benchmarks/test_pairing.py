from benchmarks.pairing import paired, rate


def test_who_goes_first_alternates() -> None:
    went: list[str] = []

    def ours(number: int) -> float:
        went.append(f"ours {number}")
        return 1

    def theirs(number: int) -> float:
        went.append(f"theirs {number}")
        return 1

    paired(ours, theirs, rounds=3)

    assert went == ["ours 0", "theirs 0", "theirs 1", "ours 1", "ours 2", "theirs 2"]


def test_the_ratio_is_the_median_of_the_rounds_own_ratios() -> None:
    ours, theirs = (10, 50, 30), (100, 100, 60)

    measured = paired(lambda n: ours[n], lambda n: theirs[n], rounds=3)

    assert (measured.ours, measured.theirs, measured.ratio) == (30, 100, 0.5)


def test_a_rate_is_a_count_over_the_seconds_of_the_work() -> None:
    done: list[int] = []

    measured = rate(1_000, lambda: done.append(1))

    assert done == [1]
    assert measured > 1_000
