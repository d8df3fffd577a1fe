"""Structured logs, one JSON line each, without secrets, bodies or personal data."""

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog

HIDDEN = "…"
SECRET_WORDS = (
    "secret", "password", "pin", "token", "authorization", "cookie", "signature", "api_key",
    "body", "phone", "account_no", "id_number", "holder_name",
)  # fmt: skip
"""A field whose name has one of these as a word or ending is never written."""
_SECRET = re.compile(rf"(^|_)({'|'.join(SECRET_WORDS)})(s|_hash)?$", re.IGNORECASE)
_IN_TEXT = re.compile(
    r"\[parameters: .*?\](?=\n|$)"  # SQLAlchemy prints a statement's values
    r"|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"  # user:password@ in an address
    r"|\bDETAIL: .*"  # PostgreSQL prints a row's values
    r"|\b(?:sk|whsec|rk)_\w+",
    re.DOTALL,
)
TEXT_CHARACTERS_MAX = 8_000


def configure(process: str, *, level: int = logging.INFO) -> None:
    """Send structlog and the standard library's logging to standard error as JSON lines."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _named(process),
        redact,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it would write every address called


def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Hide secret fields at any depth, and secrets inside texts."""
    return {key: HIDDEN if _SECRET.search(key) else _clean(value) for key, value in event.items()}


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return _IN_TEXT.sub(HIDDEN, value)[:TEXT_CHARACTERS_MAX]
    if isinstance(value, Mapping):
        return {
            key: HIDDEN if _SECRET.search(str(key)) else _clean(one) for key, one in value.items()
        }
    if isinstance(value, list | tuple):
        return [_clean(one) for one in value]
    return value


def _named(process: str) -> structlog.typing.Processor:
    def name(
        _logger: Any, _method: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        event.setdefault("process", process)
        return event

    return name
