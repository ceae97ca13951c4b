"""Addresses of databases, in the forms that drivers take."""

from sqlalchemy.engine import make_url

_SEARCH_PATH = "-csearch_path="


def conninfo(address: str) -> str:
    """A ledger's address on PostgreSQL as libpq takes it."""
    return make_url(address).set(drivername="postgresql").render_as_string(hide_password=False)


def in_schema(server: str, schema: str) -> str:
    """The address of a schema on a server."""
    url = make_url(server).update_query_dict({"options": _SEARCH_PATH + schema})
    return url.render_as_string(hide_password=False)


def schema_of(address: str) -> str:
    """The schema that an address was made for."""
    return str(make_url(address).query["options"]).removeprefix(_SEARCH_PATH)
