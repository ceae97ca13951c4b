"""`keyledger.created/1`: a new key, with the secret that nothing shows again."""

from typing import Literal

import msgspec

from ledger.ids import format_id
from ledger.key_terms import CreatedKey, RotatedKey
from ledger.moments import format_moment


class CreatedDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A key that was made; its secret is None where it was shown before."""

    schema: Literal["keyledger.created/1"] = "keyledger.created/1"
    organization: str
    id: str
    name: str
    secret: str | None
    masked: str
    expires_at: str | None


class RotatedDocument(CreatedDocument, frozen=True, kw_only=True):
    """A successor, and until when the key before it works."""

    old_id: str
    overlap_ends_at: str


def created_document(created: CreatedKey) -> CreatedDocument:
    """The document of a new key, with its secret."""
    return CreatedDocument(
        organization=created.organization,
        id=format_id(created.id),
        name=created.name,
        secret=created.secret.reveal(),
        masked=created.secret.masked,
        expires_at=None if created.expires_at is None else format_moment(created.expires_at),
    )


def rotated_document(rotated: RotatedKey) -> RotatedDocument:
    """The document of a successor, with its secret."""
    created = msgspec.structs.asdict(created_document(rotated.successor))
    return RotatedDocument(
        **created,
        old_id=format_id(rotated.old_id),
        overlap_ends_at=format_moment(rotated.overlap_ends_at),
    )
