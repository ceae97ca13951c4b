"""Whether a host is this machine, past which nothing secret goes in the clear."""

from ipaddress import ip_address


def is_this_machine(host: str) -> bool:
    """Whether a host is a loopback address, or the name of it."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
