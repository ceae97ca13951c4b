"""The address of a server, to which no key goes in the open."""

from urllib.parse import urlsplit

from ledger.errors import InvalidInput
from ledger.hosts import is_this_machine

_EXAMPLE = "such as https://keys.example.com"


def checked_address(text: str) -> str:
    """The address without a slash at its end; InvalidInput for one that no key may be sent to."""
    text = text.strip()
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise InvalidInput(f"the server's address is no URL; write one {_EXAMPLE}") from None
    if parts.username is not None or parts.query or parts.fragment:
        raise InvalidInput("the server's address holds more than host, port and path; a key is given apart")
    if parts.scheme not in {"http", "https"} or not host or not text.isascii() or not text.isprintable():
        raise InvalidInput(f"the server's address is no URL; write one {_EXAMPLE}")
    if parts.scheme == "http" and not is_this_machine(host):
        raise InvalidInput(f"http://{host} would show the key to the network; write https://")
    return text.rstrip("/")
