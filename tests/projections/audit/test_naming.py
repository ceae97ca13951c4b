import pytest

from projections.audit.naming import vagueness


@pytest.mark.parametrize(
    "name",
    [
        *(
            "test",
            "key1",
            "tmp",
            "foo",
            "asdf",
            "12345",
            "2024-01-01",
            "ci",
            "abc",
            "api-key",
            "API Key 2",
            "new key",
        ),
        *("untitled", "default", "my_test_key", "TEST-2", "xxxxxx", "----", "deadbeef01234567"),
        *("0b2c4f6e-1d3a-4c5b-8e7f-9a0b1c2d3e4f", "0B2C4F6E1D3A4C5B8E7F9A0B1C2D3E4F"),
    ],
)
def test_a_name_that_tells_nothing_is_flagged(name: str) -> None:
    assert vagueness(name) is not None


@pytest.mark.parametrize(
    "name",
    [
        *(
            "github-actions-prod",
            "billing",
            "test-runner-eu",
            "key-rotation-job",
            "backup2",
            "kaleb/1",
            "s3-mirror",
        ),
        *("支払い処理サービス", "facade", "decade", "AKIAIOSFODNN7EXAMPLE"),
    ],
)
def test_a_name_that_may_tell_something_is_left_alone(name: str) -> None:
    assert vagueness(name) is None
