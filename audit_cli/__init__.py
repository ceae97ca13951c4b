"""The door for people: the `keyledger` command."""
