"""Commands and the options that all of them share, which may stand before the command and after it."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Annotated, Any, TypeAlias

import typer
from typer.core import TyperCommand

from audit_cli.failures import reported

LedgerOption: TypeAlias = Annotated[
    str | None,
    typer.Option("--ledger", metavar="PATH|URL", help="The ledger. [KEYLEDGER_URL]", show_default=False),
]
OrgOption: TypeAlias = Annotated[
    str | None,
    typer.Option("--org", metavar="NAME", help="The organization, where the ledger holds several."),
]
ActorOption: TypeAlias = Annotated[
    str | None,
    typer.Option("--as", metavar="EMAIL", help="The member who acts; else the system user."),
]


ServerOption: TypeAlias = Annotated[
    str | None,
    typer.Option("--server", metavar="URL", help="A server in the ledger's place. [KEYLEDGER_SERVER]"),
]


@dataclass(frozen=True)
class Options:
    """What was said on the command line of the ledger or the server, the organization and the actor."""

    ledger: str | None = None
    org: str | None = None
    actor: str | None = None
    server: str | None = None

    @property
    def flags(self) -> dict[str, str | None]:
        """By the names of the settings that they override."""
        return {"url": self.ledger, "org": self.org, "actor": self.actor, "server": self.server}


def command(
    app: typer.Typer, name: str, *, served: bool = False
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make a function a command: its first parameter is the Options, the others are the command's own.

    The shared options are added to it, those before the command are its defaults, and what it raises becomes
    one line and an exit status. `served`: it works on a server too.
    """

    def register(function: Callable[..., None]) -> Callable[..., None]:
        @wraps(function)
        def run(
            context: typer.Context,
            ledger: str | None,
            org: str | None,
            actor: str | None,
            server: str | None = None,
            **own: object,
        ) -> None:
            outer = context.find_object(Options) or Options()
            said = Options(
                ledger or outer.ledger, org or outer.org, actor or outer.actor, server or outer.server
            )
            with reported():
                function(said, **own)

        run.__signature__ = _signature(function, served=served)  # type: ignore[attr-defined]
        app.command(name, cls=WordedCommand)(run)
        return function

    return register


class WordedCommand(TyperCommand):
    """A command that complains of wrong values in its own words and not in the library's."""

    def parse_args(self, *given: Any, **named: Any) -> list[str]:  # noqa: ANN401 - handed on as they come
        """Read the arguments; BadParameter for a value that is none of the option's."""
        try:
            return super().parse_args(*given, **named)
        except typer.BadParameter as error:
            error.message = _worded(error.message)
            raise


def _worded(message: str) -> str:
    for theirs, ours in _WORDS:
        if message.startswith(theirs):
            return ours + message.removeprefix(theirs)
    return message


_WORDS = (
    ("Value error, ", ""),
    ("Input should be a valid integer, unable to parse string as an integer", "it is not a whole number"),
    ("Input should be", "it must be"),
)


def _signature(function: Callable[..., None], *, served: bool) -> inspect.Signature:
    own = list(inspect.signature(function).parameters.values())[1:]
    shared = [
        ("context", typer.Context),
        ("ledger", LedgerOption),
        ("org", OrgOption),
        ("actor", ActorOption),
        *([("server", ServerOption)] if served else []),
    ]
    # By keyword only, since a command's own arguments without a default come after these.
    parameters = [_keyword(name, annotation) for name, annotation in shared]
    return inspect.Signature(
        [
            parameters[0].replace(default=inspect.Parameter.empty),
            *(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own),
            *parameters[1:],
        ]
    )


def _keyword(name: str, annotation: object) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
