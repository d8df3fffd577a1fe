"""The double-entry ledger: accounts, transfers, the writer that commits many at once, the audit."""
