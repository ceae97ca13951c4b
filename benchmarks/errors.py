"""Why a figure could not be taken."""

from ledger.errors import KeyledgerError


class NotMeasured(KeyledgerError):
    """What was done is not what was to be measured, or there is nothing to measure it on."""
