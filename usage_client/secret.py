"""Secrets: the client's own key, which is never shown, and those of others, which are stored nowhere."""

import re

_SHORTEST = 53
_SECRET = re.compile(r"[a-z][a-z0-9]{0,15}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}", re.ASCII)


class Secret:
    """A text that authenticates; its repr and str are masked, `reveal` is the only way to the text."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself: for the header of a request."""
        return self._text

    def __repr__(self) -> str:
        return "Secret('...')"

    __str__ = __repr__


def holds_secret(text: str) -> bool:
    """Whether a secret of keyledger, or what looks like one, stands anywhere in the text."""
    return len(text) >= _SHORTEST and _SECRET.search(text) is not None


def without_secrets(text: str) -> str:
    """The text with each secret of keyledger in it taken out."""
    return _SECRET.sub("[secret]", text) if len(text) >= _SHORTEST else text
