"""The edges over HTTP: pages, the API, hooks. Decode, guard, one flow, encode."""
