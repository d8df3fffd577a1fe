"""A payer was sent to somebody else's page: written down, so that its end is asked for."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlmodel.ext.asyncio.session import AsyncSession

from market.tables import GatewayAttemptRow

ASK_AFTER = timedelta(minutes=2)
"""Time for the notice to come by itself."""


async def begin(
    db: AsyncSession, payment_id: UUID, gateway: str, reference: str, *, now: datetime
) -> None:
    """The payer is sent to an acquirer; from `ASK_AFTER` on it is asked how that went. Repeatable."""
    await db.execute(
        insert(GatewayAttemptRow)
        .values(
            payment_id=payment_id,
            gateway=gateway,
            reference=reference,
            state="redirected",
            begun_at=now,
            ask_from=now + ASK_AFTER,
            asked_count=0,
        )
        .on_conflict_do_nothing()
    )
