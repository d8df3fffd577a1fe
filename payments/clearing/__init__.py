"""What an acquirer owes its vendors: fees, settlement sessions, payouts and their statements."""
