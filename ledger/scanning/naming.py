"""What places are called, in this scan and the next: the name is part of what makes a leak the same leak."""

from ledger.scanning.found import clean

STANDARD_INPUT = "standard input"


class Naming:
    """Names of files: their whole paths, or a label and the path from here.

    A checkout that is in another folder each time needs a label.
    """

    def __init__(self, here: str, label: str | None = None) -> None:
        self._here = here.rstrip("/")
        self._label = label

    @property
    def stdin(self) -> str:
        """What standard input is called."""
        return clean(self._label or STANDARD_INPUT)

    def __call__(self, path: str) -> str:
        """The name of a file or folder by its whole path."""
        if self._label is None:
            return clean(path)
        inside = f"{path}/".removeprefix(f"{self._here}/").strip("/")
        return clean(f"{self._label}/{inside}".rstrip("/"))
