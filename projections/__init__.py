"""What is true now: read-side tables derived from the ledger, and the queries over them."""
