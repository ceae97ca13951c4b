"""What a request tells of who presented a key: cleaned, so that it can be stored and holds no secret."""

from dataclasses import dataclass
from typing import Self

from usage_client.secret import without_secrets
from usage_client.use_line import MAX_TEXT


@dataclass(frozen=True, slots=True)
class Presenter:
    """Whoever presented a key, as far as it is known."""

    caller: str | None = None
    source_ip: str | None = None
    user_agent: str | None = None

    @classmethod
    def of(cls, caller: object, source_ip: object, user_agent: object) -> Self:
        """Of what a service says or a request tells, whatever that is."""
        return cls(_cleaned(caller), _cleaned(source_ip), _cleaned(user_agent))


def _cleaned(said: object) -> str | None:
    return None if said is None else without_secrets(str(said)).replace("\0", "")[:MAX_TEXT]
