"""Lawful Vietnamese e-invoices, from totals to the tax office's verdict."""
