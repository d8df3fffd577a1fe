"""Money back: the vendor's screens of one sale, the same as an API, and the clerk's list of doubts."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.enums import RequestEncodingType
from litestar.exceptions import PermissionDeniedException
from litestar.params import Body, FromPath, JSONBody
from litestar.response import Redirect, Template
from msgspec import Meta, Struct
from sqlmodel.ext.asyncio.session import AsyncSession

import catalog
import einvoice
import payments
from market import corrections, ids, sales
from market.db import Database, Viewer
from market.errors import GoodsNotSold, NotFound, SaleNotPaid
from market.flows import refunds
from market.flows.refunds import Recipient
from market.tables import SaleRow
from market.web import auth
from market.web.correction_forms import number
from market.web.errors import documented, tells
from market.web.i18n import N_
from payments import RefundRequest, amounts, banks, qr

REASONS = (
    N_("Khách trả lại hàng"),
    N_("Tính nhầm tiền"),
    N_("Hết hàng"),
    N_("Khách trả hai lần"),
    N_("Khách hủy, tiền đã trả trước"),
    N_("Bớt tiền cho khách"),
)
WHY = {
    "93": N_("Số tiền hoàn không hợp lệ."),
    "95": N_("Cổng thanh toán nói lần trả này không thành công."),
    "91": N_("Cổng thanh toán không thấy lần trả này."),
    "16": N_("Cổng thanh toán chưa cho hoàn lúc này. Thử lại sau."),
    "99": N_("Cổng thanh toán chưa mở hoàn tiền cho chợ. Gọi hỗ trợ."),
    "withdrawn": N_("Bạn đã bỏ lần hoàn này."),
    "won": N_("Khiếu nại đã được bác. Tiền vẫn là của bạn."),
}
"""Why a refund was refused, by the acquirer's last word."""
DISPUTES_SHOWN = timedelta(days=180)
"""Longer than card schemes let a buyer wait with a dispute."""

tells(payments.RefundTooLarge, 422, "Số tiền hoàn lớn hơn số còn hoàn được.")
tells(payments.NotRefundable, 409, "Khoản này không hoàn được ở đây. Trả khách bằng tiền mặt.")
tells(payments.RefundIdReused, 409, "Lần hoàn tiền này đã có với nội dung khác. Làm lại từ đầu.")
tells(payments.RefundFinal, 409, "Lần hoàn tiền này đã gửi đi, không bỏ được nữa.")
tells(GoodsNotSold, 422, "Khách trả lại nhiều hơn đã mua. Xem lại số lượng.")
tells(payments.RefundUnknown, 404, "Không tìm thấy lần hoàn tiền này.")


@dataclass(frozen=True, kw_only=True)
class RefundForm:
    """What the vendor keys."""

    refund_id: str = ""
    amount: str = ""
    reason: str = ""
    bank_bin: str = ""
    account_no: str = ""
    name: str = ""


Form = Annotated[RefundForm, Body(media_type=RequestEncodingType.URL_ENCODED)]


class AskRefundCommand(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Give back some of a paid sale. `refund_id` is a UUIDv7 made before sending."""

    refund_id: UUID
    amount_vnd: Annotated[int, Meta(ge=1, le=sales.AMOUNT_VND_MAX)]
    reason: Annotated[str, Meta(max_length=200)] = ""
    to_bank_bin: Annotated[str, Meta(max_length=6)] = ""
    to_account_no: Annotated[str, Meta(max_length=19)] = ""
    to_name: Annotated[str, Meta(max_length=100)] = ""
    returned_product_ids: Annotated[list[UUID], Meta(max_length=sales.LINES_MAX)] = []
    """Counted goods of the sale that the buyer brought back: they are for sale again at once."""
    returned_lines: Annotated[dict[int, Decimal], Meta(max_length=sales.LINES_MAX)] = {}
    """How much of each line of the sale came back, by its place from 0: the invoice's correction
    follows it. It must be worth `amount_vnd`."""


class RefundView(Struct, frozen=True, kw_only=True):
    """How a refund stands: asked, unknown, sent, done or refused. Amounts are whole đồng."""

    refund_id: UUID
    receipt_id: UUID
    payment_id: UUID | None
    road: str
    gateway: str
    amount_vnd: int
    state: str
    reason: str
    code: str
    refund_no: str
    detail: str
    problem: str
    asked_at: datetime
    sent_at: datetime | None
    ended_at: datetime | None


class SoldGoodsView(Struct, frozen=True, kw_only=True):
    """Counted goods that left with a sale; `is_back`: and were brought back since."""

    product_id: UUID
    name: str
    quantity: str
    is_back: bool


class SaleRefundsView(Struct, frozen=True):
    """The refunds of a sale, how much one more may be, and the goods that may come back with it."""

    left_vnd: int
    refunds: list[RefundView]
    goods: list[SoldGoodsView]


def refund_view(refund: RefundRequest) -> RefundView:
    """A refund as it leaves."""
    fields = {name: getattr(refund, name) for name in RefundView.__struct_fields__[1:]}
    return RefundView(refund_id=refund.id, **(fields | {"state": refund.state.value}))


# ── The vendor's screens ────────────────────────────────────────────────────────────────────────


@get(
    "/ban-hang/{stall_id:uuid}/hoan-tien/{sale_id:uuid}",
    guards=[auth.owner_of_stall],
    include_in_schema=False,
)
async def refund_page(
    stall_id: FromPath[UUID],
    sale_id: FromPath[UUID],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
) -> Template:
    """How much, why, and where to; below it what was given back before."""
    async with database.as_viewer(viewer) as db:
        sale = await _sale(db, sale_id, stall_id)
        options = await refunds.refundable(db, sale)
        earlier = await refunds.refunds_of(db, sale)
        sold = await catalog.sold_of(db, sale.id)
        lines = await sales.lines_of(db, sale.id)
        stall = await sales.stall_place(db, stall_id)
    best = options[0] if options else None
    payer = payments.payer_in(best.memo) if best else None
    context = {
        "stall": stall,
        "sale": sale,
        "left_vnd": best.left_vnd if best else 0,
        "road": best.road if best else "",
        "lines": lines,
        "payer": payer,
        "banks": banks.banks(),
        "reasons": REASONS,
        "refunds": earlier,
        "goods": [one for one in sold if not one.is_back],
        "unit_of": _unit_of,
        "why": WHY,
        "refund_id": ids.new(),
    }
    return Template("refund.html", context=context)


@get("/ban-hang/{stall_id:uuid}/hoan-tien", guards=[auth.owner_of_stall], include_in_schema=False)
async def own_page(
    stall_id: FromPath[UUID],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
    now: NamedDependency[datetime],
) -> Template:
    """One's own refunds that have not ended, what is still to be transferred first; and what buyers
    dispute.
    """
    async with database.as_viewer(viewer) as db:
        found = await payments.refunds_open(db)
        disputes = await payments.disputes(db, since=now - DISPUTES_SHOWN)
        stall = await sales.stall_place(db, stall_id)
    to_do = sorted(
        (one for one in found if one.road != "dispute"),
        key=lambda one: (one.road != "direct" or one.state != "asked", one.asked_at),
    )
    context = {"stall": stall, "refunds": to_do, "disputes": disputes}
    return Template("refunds_own.html", context=context)


@post(
    "/ban-hang/{stall_id:uuid}/hoan-tien/{sale_id:uuid}",
    guards=[auth.owner_of_stall],
    include_in_schema=False,
    status_code=303,
)
async def ask_on_page(
    stall_id: FromPath[UUID],
    sale_id: FromPath[UUID],
    data: Form,
    request: Request[Any, Any, Any],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
    now: NamedDependency[datetime],
) -> Redirect:
    """Ask for it; pressed twice, it is asked once.

    The counted goods that came back are ticked (`tra`); how much of each line, in their order (`sl`):
    then what that was sold for goes back, whatever amount is keyed.
    """
    form = await request.form()
    returned = {_id(one) for one in form.getall("tra", [])}
    pieces = _pieces(form.getall("sl", []))
    to = _recipient(data.bank_bin, data.account_no, data.name)
    async with database.as_viewer(viewer) as db:
        sale = await _sale(db, sale_id, stall_id)
        amount_vnd = (
            refunds.worth_vnd(await sales.lines_of(db, sale.id), pieces)
            if pieces
            else amounts.parse_vnd(data.amount)
        )
        asked = await refunds.ask(
            db, sale, _id(data.refund_id), amount_vnd, reason=data.reason, by=viewer.person_id,
            to=to, returned=returned, pieces=pieces, now=now,
        )  # fmt: skip
    return Redirect(f"/ban-hang/{stall_id}/hoan-tien/{sale_id}/{asked.id}", status_code=303)


@get(
    "/ban-hang/{stall_id:uuid}/hoan-tien/{sale_id:uuid}/{refund_id:uuid}",
    guards=[auth.owner_of_stall],
    include_in_schema=False,
)
async def one_page(
    stall_id: FromPath[UUID],
    sale_id: FromPath[UUID],
    refund_id: FromPath[UUID],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
) -> Template:
    """How one refund stands; by hand, the transfer to make: code, account, amount, memo."""
    async with database.as_viewer(viewer) as db:
        refund = await _refund(db, refund_id, sale_id)
        sold = await catalog.sold_of(db, sale_id)
        stall = await sales.stall_place(db, stall_id)
        correction = await corrections.of_refund(db, refund_id)
        corrected = correction and await einvoice.invoice_by_id(db, correction.id)
    context = {
        "stall": stall,
        "sale_id": sale_id,
        "refund": refund,
        "correction": correction,
        "correction_invoice": corrected,
        "goods": [one for one in sold if one.return_id == refund_id],
        "unit_of": _unit_of,
        "why": WHY,
        "bank": banks.bank(refund.to_bank_bin).short_name if refund.to_bank_bin else "",
        "qr_svg": _transfer_code(refund),
    }
    return Template("refund_one.html", context=context)


@post(
    "/ban-hang/{stall_id:uuid}/hoan-tien/{sale_id:uuid}/{refund_id:uuid}/{what:str}",
    guards=[auth.owner_of_stall],
    include_in_schema=False,
    status_code=303,
)
async def act(
    stall_id: FromPath[UUID],
    sale_id: FromPath[UUID],
    refund_id: FromPath[UUID],
    what: FromPath[str],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
    now: NamedDependency[datetime],
) -> Redirect:
    """“da-chuyen”: the transfer was made, the cash handed over. “thoi”: it is not wanted any more."""
    async with database.as_viewer(viewer) as db:
        await _refund(db, refund_id, sale_id)
        if what == "da-chuyen":
            await refunds.gone(db, refund_id, now=now)
        elif what == "thoi":
            await refunds.withdraw(db, sale_id, refund_id, viewer.person_id, now=now)
        else:
            raise NotFound("action", what[:40])
    return Redirect(f"/ban-hang/{stall_id}/hoan-tien/{sale_id}/{refund_id}", status_code=303)


# ── The same as an API ──────────────────────────────────────────────────────────────────────────


@get(
    "/api/sales/{sale_id:uuid}/refunds",
    guards=[auth.signed_in],
    responses=documented(401, 404),
)
async def sale_refunds(
    sale_id: FromPath[UUID],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
) -> SaleRefundsView:
    """The refunds of one's own sale, oldest first, and what is left of it."""
    async with database.as_viewer(viewer) as db:
        sale = await _sale(db, sale_id)
        found = await refunds.refunds_of(db, sale)
        sold = await catalog.sold_of(db, sale.id)
        try:
            left = await refunds.refundable(db, sale)
        except SaleNotPaid:
            left = []
    return SaleRefundsView(
        max((one.left_vnd for one in left), default=0),
        [refund_view(one) for one in found],
        [
            SoldGoodsView(
                product_id=one.product_id, name=one.name, quantity=f"{one.quantity.normalize():f}",
                is_back=one.is_back,
            )
            for one in sold
        ],
    )  # fmt: skip


@post(
    "/api/sales/{sale_id:uuid}/refunds",
    guards=[auth.signed_in],
    responses=documented(400, 401, 403, 404, 409, 422),
)
async def ask_refund(
    sale_id: FromPath[UUID],
    data: JSONBody[AskRefundCommand],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
    me: NamedDependency[auth.SignedIn | None],
    now: NamedDependency[datetime],
) -> Response[RefundView]:
    """Give back some of a paid sale: by API where an acquirer took it, in cash where cash came, else a
    transfer to make.
    """
    to = _recipient(data.to_bank_bin, data.to_account_no, data.to_name)
    async with database.as_viewer(viewer) as db:
        sale = await _sale(db, sale_id)
        if me is None or sale.stall_id not in me.stall_ids or not me.has_role("vendor"):
            raise PermissionDeniedException
        if data.returned_lines:
            sold = await sales.lines_of(db, sale.id)
            if refunds.worth_vnd(sold, data.returned_lines) != data.amount_vnd:
                raise GoodsNotSold(min(data.returned_lines))
        asked = await refunds.ask(
            db, sale, data.refund_id, data.amount_vnd,
            reason=data.reason, by=viewer.person_id, to=to,
            returned=set(data.returned_product_ids), pieces=data.returned_lines, now=now,
        )  # fmt: skip
    return Response(refund_view(asked), status_code=201 if asked.asked_at == now else 200)


@post(
    "/api/sales/{sale_id:uuid}/refunds/{refund_id:uuid}/gone",
    guards=[auth.signed_in],
    responses=documented(401, 403, 404, 409),
    status_code=200,
)
async def say_gone(
    sale_id: FromPath[UUID],
    refund_id: FromPath[UUID],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
    me: NamedDependency[auth.SignedIn | None],
    now: NamedDependency[datetime],
) -> RefundView:
    """Say that the cash was handed over, or the transfer made. Cash is booked at once."""
    async with database.as_viewer(viewer) as db:
        sale = await _sale(db, sale_id)
        if me is None or sale.stall_id not in me.stall_ids or not me.has_role("vendor"):
            raise PermissionDeniedException
        await _refund(db, refund_id, sale_id)
        return refund_view(await refunds.gone(db, refund_id, now=now))


async def _sale(db: AsyncSession, sale_id: UUID, stall_id: UUID | None = None) -> SaleRow:
    sale = await sales.sale(db, sale_id)
    if sale is None or (stall_id is not None and sale.stall_id != stall_id):
        raise NotFound("sale", sale_id)
    return sale


async def _refund(db: AsyncSession, refund_id: UUID, sale_id: UUID) -> RefundRequest:
    """One's own refund; what it gives back was a sale's, or by itself a receipt."""
    refund = await payments.refund_request(db, refund_id)
    if refund is None or sale_id not in {refund.payment_id, refund.receipt_id}:
        raise payments.RefundUnknown(refund_id)
    return refund


def _recipient(bank_bin: str, account_no: str, name: str) -> Recipient:
    """Where the buyer's money goes; a bank and an account that can be, or none."""
    if not account_no.strip():
        return Recipient(name=name.strip())
    account = banks.clean_account(account_no)
    return Recipient(banks.bank(bank_bin).bin if bank_bin else "", account, name.strip())


def _pieces(keyed: list[str]) -> dict[int, Decimal]:
    """How much of each line came back, by its place; what is empty or 0 did not."""
    numbers = [number(str(one) or "0") for one in keyed[: sales.LINES_MAX]]
    return {at: much for at, much in enumerate(numbers) if much}


def _transfer_code(refund: RefundRequest) -> str:
    """The transfer to make, as a code that the vendor's own bank app reads."""
    if refund.road != "direct" or not (refund.to_bank_bin and refund.to_account_no):
        return ""
    written = payments.write_vietqr(
        refund.to_bank_bin,
        refund.to_account_no,
        amount_vnd=refund.amount_vnd,
        memo=refund.code,
    )
    return qr.qr_svg(written)


def _unit_of(sold: catalog.Sold) -> str:
    return catalog.unit(sold.unit).name_vi


def _id(given: str) -> UUID:
    try:
        return UUID(given)
    except ValueError:
        raise NotFound("refund", given[:40]) from None


routers: list[Any] = [
    refund_page,
    own_page,
    ask_on_page,
    one_page,
    act,
    sale_refunds,
    ask_refund,
    say_gone,
]
