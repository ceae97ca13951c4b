"""Commands at work on a server in place of a ledger: ask, and print what it answers."""
