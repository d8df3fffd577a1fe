"""The broker that wakes workers, chosen by its URL. Losing it loses nothing: rows stay in the outbox."""

from typing import Any
from uuid import UUID

import dramatiq
from dramatiq.middleware import AsyncIO
from sqlalchemy import make_url

from market.settings import Settings, SettingsError

QUEUE = "outbox"
ACTOR = "run"
HEARTBEAT_SECONDS = 5.0
HEARTBEAT_SECONDS_MAX = 20.0
"""A worker silent for longer is dead; its messages go to another."""


def connect(settings: Settings) -> dramatiq.Broker:
    """A broker for `settings.broker_url`, or on the market's own PostgreSQL if that is empty.

    No retries, no delays, no results: attempts and back-off are counted in the outbox.
    Raises: SettingsError for an address of another kind, or a driver that is not installed.
    """
    url = settings.broker_url or settings.database_url
    scheme = url.partition(":")[0]
    if scheme in {"postgresql", "postgres"}:
        broker = _on_postgresql(url)
    elif scheme in {"amqp", "amqps"}:
        broker = _on_rabbitmq(url)
    elif scheme in {"redis", "rediss"}:
        broker = _on_redis(url)
    else:
        raise SettingsError(
            f"MARKET_BROKER_URL must begin with postgresql:, amqp: or redis:, not “{scheme}:”."
        )
    broker.declare_queue(QUEUE)
    return broker


def message(row_id: UUID, turn: int) -> dramatiq.Message[Any]:
    """The message that asks a worker to run this row, if it is still this turn."""
    return dramatiq.Message(
        queue_name=QUEUE, actor_name=ACTOR, args=(str(row_id), turn), kwargs={}, options={}
    )


def _on_postgresql(url: str) -> dramatiq.Broker:
    import psycopg
    from dramatiq_postgres import PostgresBroker
    from dramatiq_postgres.schema import init

    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        init(cursor)
    # The queue may lose its last second in a crash; the outbox hands those rows out again.
    relaxed = make_url(url).update_query_dict({"options": "-csynchronous_commit=off"})
    broker: dramatiq.Broker = PostgresBroker(
        url=relaxed.render_as_string(hide_password=False),
        results=False,
        middleware=[AsyncIO()],
        heartbeat_interval=HEARTBEAT_SECONDS,
        heartbeat_ttl=HEARTBEAT_SECONDS_MAX,
        purge_maxage="1 day",
    )
    return broker


def _on_rabbitmq(url: str) -> dramatiq.Broker:
    try:
        from dramatiq.brokers.rabbitmq import RabbitmqBroker
    except ImportError as missing:
        raise _not_installed("rabbitmq") from missing

    class QuorumBroker(RabbitmqBroker):
        """Replicated queues. dramatiq has no option for them, so the declaration is extended."""

        def _build_queue_arguments(self, queue_name: str) -> dict[str, Any]:
            arguments = super()._build_queue_arguments(queue_name)  # type: ignore[no-untyped-call]  # dramatiq's
            return {**arguments, "x-queue-type": "quorum"}

    return QuorumBroker(url=url, middleware=[AsyncIO()], confirm_delivery=True)


def _on_redis(url: str) -> dramatiq.Broker:
    try:
        from dramatiq.brokers.redis import RedisBroker
    except ImportError as missing:
        raise _not_installed("redis") from missing
    return RedisBroker(url=url, middleware=[AsyncIO()])  # type: ignore[no-untyped-call]  # dramatiq's


def _not_installed(extra: str) -> SettingsError:
    return SettingsError(
        f"MARKET_BROKER_URL asks for {extra}, which is not installed. "
        f"Install the package with its extra: cho-market[{extra}]."
    )
