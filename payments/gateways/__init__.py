"""Providers that report money: one protocol, each provider's wire format behind it.

A gateway turns a provider's bytes into a `Confirmation`, or refuses them by name. It reads no
clock and holds no session; it says how the provider wants to be answered.
"""

from payments.gateways.gateway import (
    Answer,
    Gateway,
    GatewayError,
    GatewayRefused,
    GatewayUnavailable,
    Listed,
    Notice,
    NoticeForged,
    NoticeMalformed,
    NoticeStale,
    Page,
    Secrets,
    SourceNotAllowed,
    TransferList,
    Verified,
    confirmations,
)

__all__ = [
    "Answer",
    "Gateway",
    "GatewayError",
    "GatewayRefused",
    "GatewayUnavailable",
    "Listed",
    "Notice",
    "NoticeForged",
    "NoticeMalformed",
    "NoticeStale",
    "Page",
    "Secrets",
    "SourceNotAllowed",
    "TransferList",
    "Verified",
    "confirmations",
]
