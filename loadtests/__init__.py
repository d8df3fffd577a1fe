"""Load on a running market: tills, shoppers' notices, officials; then a count of every đồng."""
