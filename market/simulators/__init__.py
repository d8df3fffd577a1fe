"""The outside world in small: partners that speak the real wire formats, each its own process.

Every module has a frozen configuration and `create_app(config)`; state lives in a sqlite3 file, so
that a partner that was killed goes on where it was. `POST /control` makes a partner misbehave.
"""
