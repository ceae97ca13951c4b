from benchmarks.traffic import BATCH_SIZE, Traffic

KEYS = [bytes([n]) * 16 for n in range(7)]


def test_the_same_numbers_are_the_same_uses() -> None:
    traffic = Traffic(KEYS)

    assert traffic.uses(5, 20) == traffic.uses(0, 100)[5:25]


def test_every_key_is_used() -> None:
    assert {use.key for use in Traffic(KEYS).uses(0, 200)} == set(KEYS)


def test_a_batch_of_repeating_traffic_tells_one_use_of_the_batch_before_again() -> None:
    uses = Traffic(KEYS).repeating().uses(0, 3 * BATCH_SIZE)

    second, third = uses[BATCH_SIZE : 2 * BATCH_SIZE], uses[2 * BATCH_SIZE :]

    assert [use for use in third if use in second] == [second[501]]
