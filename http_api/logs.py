"""The log: a JSON object a line on standard error, in which secrets are masked whatever was said."""

import logging
from datetime import UTC, datetime
from typing import Any

import msgspec

from ledger.secret import mask_secrets

_FIELDS = ("request_id", "method", "route", "status", "took_ms", "client", "organization", "key_id")

_LOGGERS = ("http_api", "uvicorn", "opentelemetry", "urllib3")


class JsonLines(logging.Formatter):
    """Writes a record as an object; what it does not know is left out."""

    def format(self, record: logging.LogRecord) -> str:
        """A line."""
        told: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        told |= {name: value for name in _FIELDS if (value := getattr(record, name, None)) is not None}
        if record.exc_info:
            told["traceback"] = self.formatException(record.exc_info)
        return mask_secrets(msgspec.json.encode(told).decode())


def log_config(level: str = "INFO") -> dict[str, Any]:
    """For `logging.config.dictConfig`: the loggers of this program and of those that it is made of."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": "http_api.logs.JsonLines"}},
        "handlers": {"lines": {"class": "logging.StreamHandler", "formatter": "json"}},
        "loggers": {name: {"handlers": ["lines"], "level": level, "propagate": False} for name in _LOGGERS},
    }
