"""The door for services: REST over HTTP. Parse, call, answer."""
