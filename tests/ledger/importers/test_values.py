import pytest

from ledger.errors import InvalidInput
from ledger.importers.values import moment_in, quoted
from ledger.moments import parse_moment
from ledger.secret import holds_secret, mask_secrets, new_secret

SECRET = new_secret("kl", bytes).reveal()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("billing", "'billing'"),
        ("a" * 40, repr("a" * 40)),
        ("a" * 41, repr("a" * 40 + "...")),
        ("line\nbreak", r"'line\nbreak'"),
        ("\x1b[2J", r"'\x1b[2J'"),
    ],
)
def test_a_quoted_value_is_short_and_printable(text: str, expected: str) -> None:
    assert quoted(text) == expected


@pytest.mark.parametrize("template", ["{}", "Bearer {}", "{}/suffix", "x{}", "{} and {}"])
def test_a_quoted_value_never_shows_a_secret(template: str) -> None:
    # given
    text = template.replace("{}", SECRET)

    # then
    assert holds_secret(text)
    assert SECRET[7:40] not in quoted(text)
    assert SECRET[7:40] not in mask_secrets(text)


def test_a_text_without_a_secret_is_left_as_it_is() -> None:
    assert not holds_secret("a_text_with_underscores" * 9)
    assert mask_secrets("a_text_with_underscores") == "a_text_with_underscores"


def test_a_time_is_read_whatever_its_offset() -> None:
    assert moment_in("at", "2024-05-31T14:00:00+02:00") == parse_moment("2024-05-31T12:00:00Z")


@pytest.mark.parametrize("text", ["", "yesterday", "2024-05-31T12:00:00", "1969-12-31T23:59:59Z", "x" * 5000])
def test_a_wrong_time_is_refused_by_the_name_of_its_field(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"^occurred_at: ") as refused:
        moment_in("occurred_at", text)
    assert len(str(refused.value)) < 150


def test_a_secret_in_place_of_a_time_is_not_echoed() -> None:
    with pytest.raises(InvalidInput) as refused:
        moment_in("occurred_at", SECRET)
    assert SECRET[7:40] not in str(refused.value)
