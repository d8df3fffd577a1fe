"""What an acquirer says of a refund: sent to it, or asked about it. Every answer is written down."""

import asyncio
from datetime import datetime, timedelta
from uuid import UUID

import httpx
from sqlmodel import col, select

import payments
from market import ids
from market.flows.context import Context
from market.gateways import Gateways
from market.tables import GatewayAttemptRow
from payments import Answered, RefundAnswer, RefundRequest
from payments.gateways import GatewayError, GatewayRefused
from payments.gateways.stripe import StripeClient
from payments.gateways.vnpay_api import VNPayClient
from payments.gateways.vnpay_refund import refund_answer, refund_found

ASK_AFTER = timedelta(minutes=5)
"""After a request left, and between two questions about it."""
ASK_SECONDS_MAX = 40
"""For one acquirer's word, all its retries included; a job must not outlive its lease."""
BY = "cho40"
"""Who asks, as VNPAY wants to know."""


async def due(context: Context) -> list[RefundRequest]:
    """Refunds whose end is to be asked for, the longest due first."""
    async with context.database.as_system() as db:
        return list(await payments.refunds_in_doubt(db, now=context.now()))


async def send(
    context: Context, partners: Gateways, http: httpx.AsyncClient, refund: RefundRequest
) -> RefundRequest:
    """Ask the acquirer to give the money back; what it said is written down."""
    try:
        async with asyncio.timeout(ASK_SECONDS_MAX):
            answer = await _send(context, partners, http, refund)
    except (GatewayError, TimeoutError) as failed:
        answer = _of_failure(failed)
    return await _write(context, refund, answer)


async def ask(
    context: Context, partners: Gateways, http: httpx.AsyncClient, refund: RefundRequest
) -> RefundRequest:
    """Ask how a refund stands; what it said is written down. No answer leaves it as it is."""
    problem = ""
    try:
        async with asyncio.timeout(ASK_SECONDS_MAX):
            answer, problem = await _ask(context, partners, http, refund)
    except (GatewayError, TimeoutError):  # a question that failed says nothing of the refund
        answer = RefundAnswer(Answered.UNCLEAR)
    return await _write(context, refund, answer, problem)


async def _write(
    context: Context, refund: RefundRequest, answer: RefundAnswer, problem: str = ""
) -> RefundRequest:
    async with context.database.as_system() as db:
        return await payments.answer_refund(
            db, refund.id, answer, now=context.now(), ask_after=ASK_AFTER, problem=problem
        )


def _of_failure(failed: GatewayError | TimeoutError) -> RefundAnswer:
    if isinstance(failed, GatewayRefused):
        return RefundAnswer(Answered.REFUSED, detail=failed.reason)
    return RefundAnswer(Answered.UNCLEAR)


async def _send(
    context: Context, partners: Gateways, http: httpx.AsyncClient, refund: RefundRequest
) -> RefundAnswer:
    if refund.gateway == "vnpay" and partners.vnpay_config is not None:
        created_at = await _created_at(context, refund)
        try:
            status = await VNPayClient(partners.vnpay_config, http).refund(
                refund.id.hex,
                refund.provider_ref,
                refund.amount_vnd,
                created_at,
                context.now(),
                full=refund.is_whole,
                by=BY,
                transaction_no=refund.provider_no,
                reason=f"Hoan tien {refund.id.hex}",
            )
        except GatewayRefused as refused:
            return refund_answer(refused.reason)
        return refund_answer("00", status)
    if refund.gateway == "stripe" and partners.stripe_config is not None:
        stripe = StripeClient(partners.stripe_config)
        try:
            return await stripe.give_back(refund.id, refund.provider_ref, refund.amount_vnd)
        finally:
            await stripe.close()
    return RefundAnswer(Answered.REFUSED, detail="no_such_gateway")


async def _ask(
    context: Context, partners: Gateways, http: httpx.AsyncClient, refund: RefundRequest
) -> tuple[RefundAnswer, str]:
    if refund.gateway == "vnpay" and partners.vnpay_config is not None:
        status = await VNPayClient(partners.vnpay_config, http).query(
            ids.new().hex,
            refund.provider_ref,
            created_at=await _created_at(context, refund),
            now=context.now(),
        )
        async with context.database.as_system() as db:
            others = await payments.refunds_of(db, provider_ref=refund.provider_ref)
        known = {one.refund_no for one in others if one.id != refund.id and one.refund_no}
        return refund_found(refund, status, known)
    if refund.gateway == "stripe" and partners.stripe_config is not None:
        stripe = StripeClient(partners.stripe_config)
        try:
            return await stripe.given_back(refund.id, refund.provider_ref), ""
        finally:
            await stripe.close()
    return RefundAnswer(Answered.UNCLEAR), ""


async def _created_at(context: Context, refund: RefundRequest) -> datetime:
    """The vnp_CreateDate of the attempt that was paid, by which VNPAY finds it."""
    async with context.database.as_system() as db:
        found = await db.exec(
            select(GatewayAttemptRow.begun_at).where(
                col(GatewayAttemptRow.gateway) == refund.gateway,
                col(GatewayAttemptRow.payment_id) == (refund.payment_id or UUID(int=0)),
                col(GatewayAttemptRow.reference) == refund.provider_ref,
            )
        )
        begun_at = found.one_or_none()
    return begun_at or refund.asked_at
