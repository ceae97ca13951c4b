"""One module per foreign source whose records become events of the ledger."""
