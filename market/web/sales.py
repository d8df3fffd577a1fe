"""The till: its page, and the API behind it."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from litestar.response import Template
from msgspec import Meta, Struct

import payments
from market import clock, live, sales, stands
from market.db import Database, Viewer
from market.errors import NotFound
from market.flows import invoice as invoice_flow
from market.flows import sale as sale_flow
from market.settings import Settings
from market.tables import SaleRow
from market.web import auth
from market.web.errors import documented
from market.web.services import Services
from payments import banks, qr, suspense

Name = Annotated[str, Meta(min_length=1, max_length=150)]


class LineCommand(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One line of a basket."""

    name: Name
    unit: Annotated[str, Meta(max_length=30)] = ""
    quantity: Annotated[Decimal, Meta(description="up to three decimals, as text")] = Decimal(1)
    unit_price_vnd: Annotated[int, Meta(ge=0, le=sales.AMOUNT_VND_MAX)] = 0
    amount_vnd: Annotated[int, Meta(ge=1, le=sales.AMOUNT_VND_MAX)]
    product_id: UUID | None = None


class OpenSaleCommand(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A sale as the till made it. `sale_id` is a UUIDv7 made and stored there before sending."""

    sale_id: UUID
    amount_vnd: int
    method: Literal["vietqr", "cash", "vnpay", "stripe"] = "vietqr"
    lines: Annotated[tuple[LineCommand, ...], Meta(max_length=sales.LINES_MAX)] = ()
    sold_at: Annotated[datetime, Meta(tz=True)]


class InvoiceView(Struct, frozen=True):
    """The e-invoice of a sale, as far as it is."""

    state: str
    lookup_url: str


class SaleView(Struct, frozen=True, kw_only=True):
    """A sale as the till shows it. Amounts are whole đồng."""

    sale_id: UUID
    stall_id: UUID
    state: str
    method: str
    amount_vnd: int
    received_vnd: int
    missing_vnd: int
    memo: str
    qr_text: str
    pay_url: str
    payment_id: UUID | None
    sold_at: datetime
    paid_at: datetime | None
    expires_at: datetime | None
    echo_word: str
    invoice_id: UUID | None = None


class PayeeView(Struct, frozen=True):
    """Where the money goes, so that vendor and shopper can see a pasted-over code."""

    bank_name: str
    account_last4: str
    holder_name: str


class StandView(Struct, frozen=True):
    """The printed code."""

    serial: str
    qr_text: str


class StallView(Struct, frozen=True, kw_only=True):
    """What the till knows of its stall."""

    id: UUID
    code: str
    hall_name: str
    vendor_name: str
    trade: str
    round_vnd: int
    invoice_mode: str
    may_invoice: bool
    """Registered with the tax authority, and invoices are not switched off."""
    region: str
    payee: PayeeView | None
    stand: StandView | None
    last_event_id: int


class TodayView(Struct, frozen=True):
    """The day's takings by kind, and what went back to buyers that day."""

    cashless_count: int
    cashless_vnd: int
    cash_count: int
    cash_vnd: int
    open_count: int
    refund_count: int
    refund_vnd: int
    kept_vnd: int
    """What came, cash too, less what went back."""


class ReceiptView(Struct, frozen=True, kw_only=True):
    """Money that came, matched or not."""

    receipt_id: UUID
    outcome: str
    amount_vnd: int
    memo: str
    payment_id: UUID | None
    occurred_at: datetime


class DayView(Struct, frozen=True):
    """A day's sales and the money that came for none of them."""

    day: date
    sales: list[SaleView]
    receipts: list[ReceiptView]


def sale_of(data: OpenSaleCommand, stall_id: UUID) -> sales.OpenSale:
    """What the till asks for."""
    return sales.OpenSale(
        sale_id=data.sale_id,
        stall_id=stall_id,
        amount_vnd=data.amount_vnd,
        method=data.method,
        lines=tuple(sales.SaleLine(**msgspec.structs.asdict(line)) for line in data.lines),
        sold_at=data.sold_at,
    )


def sale_view(row: SaleRow, settings: Settings) -> SaleView:
    """A sale as it leaves."""
    pays = row.payment_id is not None
    return SaleView(
        sale_id=row.id,
        stall_id=row.stall_id,
        state=row.state,
        method=row.method,
        amount_vnd=row.amount_vnd,
        received_vnd=row.received_vnd,
        missing_vnd=max(0, row.amount_vnd - row.received_vnd),
        memo=row.memo,
        qr_text=row.qr_text,
        pay_url=f"{settings.base_url}/tra/{row.payment_id}" if pays else "",
        payment_id=row.payment_id,
        sold_at=row.sold_at,
        paid_at=row.paid_at,
        expires_at=row.recorded_at + sale_flow.OPEN_FOR if pays else None,
        echo_word=row.echo_word,
        invoice_id=row.invoice_id,
    )


async def stall_view(database: Database, viewer: Viewer, stall_id: UUID) -> StallView:
    """What the till page and its API both start from."""
    async with database.as_viewer(viewer) as db:
        stall = await sales.stall_place(db, stall_id)
        account = stall.vendor_id and await sale_flow.receiving_account(db, stall.vendor_id)
        stand = await stands.stand_in_use(db, stall_id)
        may_invoice = await invoice_flow.is_possible(db, stall.vendor_id, stall.invoice_mode)
    async with database.as_system() as db:
        last_event_id = await live.last_id(db)
    payee = None
    if account:
        payee = PayeeView(
            banks.bank(account.bank_bin).short_name,
            account.account_no[-4:],
            account.holder_name,
        )
    return StallView(
        id=stall.id,
        code=stall.code,
        hall_name=stall.hall_name,
        vendor_name=stall.vendor_name,
        trade=stall.trade,
        round_vnd=stall.round_vnd,
        invoice_mode=stall.invoice_mode,
        may_invoice=may_invoice,
        region="north",
        payee=payee,
        stand=StandView(stand.serial, stand.qr_text) if stand else None,
        last_event_id=last_event_id,
    )


@get("/ban-hang/{stall_id:uuid}", guards=[auth.vendor_of_stall], include_in_schema=False)
async def till(
    stall_id: FromPath[UUID],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
    me: NamedDependency[auth.SignedIn | None],
) -> Template:
    """The keypad: the vendor's first screen."""
    stall = await stall_view(database, viewer, stall_id)
    return Template("till.html", context={"stall": msgspec.to_builtins(stall), "me": me})


@get("/ban-hang/{stall_id:uuid}/tien-ve", guards=[auth.vendor_of_stall], include_in_schema=False)
async def takings_page(
    stall_id: FromPath[UUID],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
    settings: NamedDependency[Settings],
    now: NamedDependency[datetime],
    ngay: Annotated[date | None, QueryParameter()] = None,
) -> Template:
    """Today's money, newest first."""
    stall = await stall_view(database, viewer, stall_id)
    day = ngay or clock.local_day(now)
    shown = await _day(database, viewer, settings, stall_id, day)
    today = await _takings(database, viewer, stall_id, day)
    async with database.as_viewer(viewer) as db:
        place = await sales.stall_place(db, stall_id)
        waiting = await suspense.waiting(db, place.vendor_id) if place.vendor_id else None
        going_back = await payments.refunds_open(db)
    context = {
        "stall": msgspec.to_builtins(stall),
        "day": day,
        "today": today,
        "sales": shown.sales,
        "receipts": shown.receipts,
        "waiting": waiting,
        "going_back": [one for one in going_back if one.owner_id == place.vendor_id],
    }
    return Template("takings.html", context=context)


@get("/ban-hang/{stall_id:uuid}/ma-qr", guards=[auth.vendor_of_stall], include_in_schema=False)
async def stand_page(
    stall_id: FromPath[UUID],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
) -> Template:
    """The stall's printed code, to show and to print."""
    stall = await stall_view(database, viewer, stall_id)
    qr_svg = qr.qr_svg(stall.stand.qr_text) if stall.stand else ""
    return Template("stand.html", context={"stall": msgspec.to_builtins(stall), "qr_svg": qr_svg})


@get(
    "/api/stalls/{stall_id:uuid}",
    guards=[auth.vendor_of_stall],
    responses=documented(401, 403, 404),
)
async def stall(
    stall_id: FromPath[UUID],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
) -> StallView:
    """The stall, its receiving account and its printed code."""
    return await stall_view(database, viewer, stall_id)


@post(
    "/api/stalls/{stall_id:uuid}/sales",
    guards=[auth.vendor_of_stall],
    responses=documented(400, 401, 403, 404, 409, 422, 503),
)
async def open_sale(
    stall_id: FromPath[UUID],
    data: JSONBody[OpenSaleCommand],
    request: Request[Any, Any, Any],
    services: NamedDependency[Services],
) -> Response[SaleView]:
    """Open a sale and get the QR to show; cash is recorded at once. Asked twice, done once."""
    command = sale_of(data, stall_id)
    now, viewer = services.now(), auth.who(request).viewer
    row = await services.quick_sales.open(command, viewer, now=now)
    if row is None:
        async with services.database.as_viewer(viewer) as db:
            row = await sale_flow.open_sale(db, command, viewer.person_id, now=now)
    if row.method == "cash":
        await sale_flow.record_cash(services.ledger, row, now=now)
        row.state, row.received_vnd, row.paid_at = "paid", row.amount_vnd, row.paid_at or now
    fresh = row.recorded_at == now
    return Response(sale_view(row, services.settings), status_code=201 if fresh else 200)


@get("/api/sales/{sale_id:uuid}", guards=[auth.signed_in], responses=documented(401, 404))
async def one_sale(
    sale_id: FromPath[UUID],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
    settings: NamedDependency[Settings],
) -> SaleView:
    """A sale of one's own stall."""
    async with database.as_viewer(viewer) as db:
        row = await sales.sale(db, sale_id)
    if row is None:
        raise NotFound("sale", sale_id)
    return sale_view(row, settings)


@post(
    "/api/sales/{sale_id:uuid}/cancel",
    guards=[auth.signed_in],
    status_code=200,
    responses=documented(401, 403, 404, 409),
)
async def cancel_sale(
    sale_id: FromPath[UUID],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
    settings: NamedDependency[Settings],
    now: NamedDependency[datetime],
) -> SaleView:
    """The sale no longer waits for money."""
    async with database.as_viewer(viewer) as db:
        row = await sale_flow.cancel_sale(db, sale_id, now=now)
    return sale_view(row, settings)


@get(
    "/api/stalls/{stall_id:uuid}/sales",
    guards=[auth.vendor_of_stall],
    responses=documented(400, 401, 403),
)
async def day_sales(
    stall_id: FromPath[UUID],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
    settings: NamedDependency[Settings],
    now: NamedDependency[datetime],
    day: Annotated[
        date | None, QueryParameter(description="Vietnamese day; today if absent")
    ] = None,
) -> DayView:
    """A day's sales, newest first, and the money that matched none of them."""
    return await _day(database, viewer, settings, stall_id, day or clock.local_day(now))


@get(
    "/api/stalls/{stall_id:uuid}/today",
    guards=[auth.vendor_of_stall],
    responses=documented(401, 403),
)
async def today(
    stall_id: FromPath[UUID],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
    now: NamedDependency[datetime],
) -> TodayView:
    """Today's takings: cashless, cash, and how many sales still wait."""
    return await _takings(database, viewer, stall_id, clock.local_day(now))


async def _takings(database: Database, viewer: Viewer, stall_id: UUID, day: date) -> TodayView:
    async with database.as_viewer(viewer) as db:
        sums = await sales.takings(db, stall_id, *clock.day_bounds(day))
    return TodayView(
        sums.cashless_count, sums.cashless_vnd, sums.cash_count, sums.cash_vnd, sums.open_count,
        sums.refund_count, sums.refund_vnd, sums.kept_vnd,
    )  # fmt: skip


async def _day(
    database: Database, viewer: Viewer, settings: Settings, stall_id: UUID, day: date
) -> DayView:
    start, end = clock.day_bounds(day)
    async with database.as_viewer(viewer) as db:
        rows = await sales.sales_between(db, stall_id, start, end)
        place = await sales.stall_place(db, stall_id)
        receipts = (
            await payments.receipts_of(db, place.vendor_id, since=start, limit=200)
            if place.vendor_id
            else []
        )
    shown = [
        ReceiptView(
            receipt_id=one.id,
            outcome=one.outcome,
            amount_vnd=one.amount_vnd,
            memo=one.memo,
            payment_id=one.payment_id,
            occurred_at=one.occurred_at,
        )
        for one in receipts
        if one.occurred_at < end and one.place_id in {None, stall_id}
    ]
    return DayView(day, [sale_view(row, settings) for row in rows], shown)


routers = [
    till,
    takings_page,
    stand_page,
    stall,
    open_sale,
    one_sale,
    cancel_sale,
    day_sales,
    today,
]
