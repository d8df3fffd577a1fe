"""Outside records against the ledger: an acquirer's file, a bank's statement, and what differs."""
