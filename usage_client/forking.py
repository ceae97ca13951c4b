"""Forks: a child has its own files, threads and connections; what its parent recorded stays its parent's."""

import os
from typing import Protocol
from weakref import WeakSet


class Forks(Protocol):
    """Something with locks, files or threads that a fork must not tear."""

    def before_fork(self) -> None:
        """Hold still."""

    def after_fork_in_parent(self) -> None:
        """Go on."""

    def after_fork_in_child(self) -> None:
        """Begin anew."""


_watched: WeakSet[Forks] = WeakSet()


def watch(thing: Forks) -> None:
    """Tell it of every fork of this process, as long as it lives."""
    _watched.add(thing)


def _before() -> None:
    for thing in list(_watched):
        thing.before_fork()


def _in_parent() -> None:
    for thing in list(_watched):
        thing.after_fork_in_parent()


def _in_child() -> None:
    for thing in list(_watched):
        thing.after_fork_in_child()


os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
