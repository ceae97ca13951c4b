"""Readers of other systems' records, one module per source; each yields what the ledger's intake takes."""
