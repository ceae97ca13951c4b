"""Commands and the options that all of them share, which may stand before the command and after it."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, wraps
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
    app: typer.Typer, name: str, *, served: bool = False, at_server: str | None = None
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make a function a command: its first parameter is the Options, the others are the command's own.

    A second parameter that is a NamedTuple takes the command's own options as its fields. The shared options
    are added, those before the command are its defaults, and what it raises becomes one line and an exit
    status. `at_server`, such as "keys.show", names what in `audit_cli.remote` is called in its place where a
    server is in force, with that Server and the command's own. `served`: it sees to servers itself.
    """

    def register(function: Callable[..., None]) -> Callable[..., None]:
        own, packed = _own(function)

        @wraps(function)
        def run(
            context: typer.Context,
            ledger: str | None,
            org: str | None,
            actor: str | None,
            server: str | None = None,
            **said: object,
        ) -> None:
            outer = context.find_object(Options) or Options()
            options = Options(
                ledger or outer.ledger, org or outer.org, actor or outer.actor, server or outer.server
            )
            with reported():
                do = (at_server and _at_server(options, at_server)) or partial(function, options)
                do(**packed(said))

        run.__signature__ = _signature(own, served=served or at_server is not None)  # type: ignore[attr-defined]
        app.command(name, cls=WordedCommand)(run)
        return function

    return register


def _at_server(options: Options, name: str) -> Callable[..., None] | None:
    """What does at the server in force what a command does on the ledger; None where no server is."""
    from importlib import import_module

    from audit_cli.remote.in_force import server_in_force

    server = server_in_force(options)
    if server is None:
        return None
    module, _, function = name.partition(".")
    return partial(getattr(import_module(f"audit_cli.remote.{module}"), function), server)


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


def _own(
    function: Callable[..., None],
) -> tuple[list[inspect.Parameter], Callable[[dict[str, object]], dict[str, object]]]:
    """A command's own options, and what makes the arguments of them that it takes."""
    own = list(inspect.signature(function).parameters.values())[1:]
    match own:
        case [inspect.Parameter(name=name, annotation=type() as kind)] if issubclass(kind, tuple):
            return list(inspect.signature(kind).parameters.values()), lambda said: {name: kind(**said)}
        case _:
            return own, lambda said: said


def _signature(own: list[inspect.Parameter], *, served: bool) -> inspect.Signature:
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
