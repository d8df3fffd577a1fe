"""QR payments on a double-entry ledger."""
