"""The bench of the ledger: what it measures, how, and what its figures are held against."""
