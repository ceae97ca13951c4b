"""Groups of commands, read when one of theirs is asked for: the first help needs only their names."""

from importlib import import_module
from typing import ClassVar

import typer
from typer.core import TyperGroup

GROUPS = (
    ("key", "Make, read and end keys.", ("key", "key_set", "key_confirm", "key_views", "key_revoke")),
    ("auth", "Log in at a server.", ("auth",)),
    ("policy", "Show and check audit policies.", ("policy",)),
    ("rotation", "Rotate keys without breaking anybody.", ("rotation",)),
    ("remediate", "End keys by a plan, step by step.", ("remediate",)),
    ("member", "Who is in the organization.", ("member",)),
    ("use", "Append uses of keys.", ("use",)),
    ("import", "Import keys and their uses from AWS and Google Cloud.", ("imports",)),
    ("projections", "Look after the read side.", ("projections",)),
)


class LateGroup(TyperGroup):
    """A group whose commands are in modules that are imported at the first look inside."""

    modules: ClassVar[tuple[str, ...]] = ()

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]
        """The names of the commands."""
        self._read()
        return super().list_commands(ctx)

    def get_command(self, ctx: typer.Context, cmd_name: str):  # type: ignore[no-untyped-def,override] # noqa: ANN201
        """The command of that name, if there is one."""
        self._read()
        return super().get_command(ctx, cmd_name)

    def _read(self) -> None:
        if not self.commands:
            for module in self.modules:
                self.commands.update(typer.main.get_group(import_module(f"audit_cli.{module}").app).commands)


def late_group(name: str, about: str, modules: tuple[str, ...]) -> typer.Typer:
    """The group of that name; what it is about stands in the help before it is read."""
    kind = type(f"{name.capitalize()}Group", (LateGroup,), {"modules": modules})
    return typer.Typer(name=name, help=about, cls=kind, no_args_is_help=True, rich_markup_mode=None)
