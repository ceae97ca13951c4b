"""The write side: what happened to API keys, decided, encoded and stored for ever."""
