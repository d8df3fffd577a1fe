"""Clients for the partners' interfaces. What proves their certificates is read once, for it takes
20 ms and several jobs a second ask somebody.
"""

import ssl
from functools import cache

import httpx

TIMEOUT_SECONDS = 5.0


@cache
def trusted(*, trust_env: bool = True) -> ssl.SSLContext:
    """Who vouches for a partner; `trust_env`: the environment may name others (SSL_CERT_FILE)."""
    return httpx.create_ssl_context(trust_env=trust_env)


def client(base_url: str = "", timeout: float = TIMEOUT_SECONDS) -> httpx.AsyncClient:
    """For one partner or many; close it."""
    return httpx.AsyncClient(base_url=base_url, timeout=timeout, verify=trusted())
