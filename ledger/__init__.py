"""The write side: what happened to API keys, decided, encoded and stored for ever."""

__version__ = "0.1.0"
