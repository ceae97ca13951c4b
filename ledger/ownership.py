"""Who answers for something, as people say it: a member's address, or a name that they know."""

from ledger.api_key import Owner, validate_name
from ledger.errors import NotFound
from ledger.organization import Organization


def owner_of(org: Organization, name: str | None) -> Owner:
    """The member of that address, else whoever is called so; nobody without a name."""
    if name is None:
        return Owner()
    try:
        return Owner(member_id=org.member(name).id)
    except NotFound:
        return Owner(name=validate_name(name))
