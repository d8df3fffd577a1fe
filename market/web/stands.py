"""The printed code: its sheet as PDF, and the morning's check that it is still ours."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from litestar import Response, get, post
from litestar.datastructures import UploadFile
from litestar.di import NamedDependency
from litestar.enums import RequestEncodingType
from litestar.params import Body, FromPath, JSONBody, QueryParameter
from litestar.response import Template
from msgspec import Meta, Struct

from market import clock, outgoing, places, stands
from market.db import Database, Viewer
from market.flows import onboarding as onboarding_flow
from market.flows import stands as flow
from market.settings import Settings
from market.web import auth
from market.web.errors import documented, problem_of
from payments import qr_picture
from payments.banks import is_known

Paper = Literal["a6", "a5"]
PHOTO_BODY_BYTES_MAX = qr_picture.PICTURE_BYTES_MAX + 100_000
"""The photo and its form."""
CODES_CHECKED_MAX = 4
"""Of one photo: each foreign one asks its bank whose it is."""


@dataclass(frozen=True, kw_only=True)
class PhotoForm:
    """A photo of the table."""

    photo: UploadFile | None = None


class StandCheckCommand(Struct, frozen=True, forbid_unknown_fields=True):
    """The text of the code that was scanned on the table."""

    qr_text: Annotated[str, Meta(max_length=1_000)]


class ReceiverView(Struct, frozen=True):
    """Whose account a code leads to."""

    holder_name: str
    bank_name: str
    account_last4: str


class StandCheckView(Struct, frozen=True, kw_only=True):
    """“same”: the money comes to the vendor. “other”: it goes to somebody else."""

    result: str
    serial: str
    is_registered: bool
    registered: ReceiverView
    found: ReceiverView | None


@get("/ban-hang/{stall_id:uuid}/ma-qr.pdf", guards=[auth.vendor_of_stall], include_in_schema=False)
async def stand_pdf(
    stall_id: FromPath[UUID],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
    now: NamedDependency[datetime],
    size: Annotated[Paper, QueryParameter()] = "a6",
) -> Response[bytes]:
    """The vendor's sheet to print."""
    return await _pdf(database, viewer, stall_id, size, now)


@get("/to-cong-nghe/sap/{stall_id:uuid}/ma-qr.pdf", guards=[auth.team_member], include_in_schema=False)  # fmt: skip
async def stand_pdf_for_team(
    stall_id: FromPath[UUID],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
    now: NamedDependency[datetime],
    size: Annotated[Paper, QueryParameter()] = "a6",
) -> Response[bytes]:
    """The same sheet, for who brings it; row security knows their halls."""
    return await _pdf(database, viewer, stall_id, size, now)


@post(
    "/api/stalls/{stall_id:uuid}/stand-checks",
    guards=[auth.vendor_of_stall],
    status_code=200,
    responses=documented(400, 401, 403, 404),
)
async def check_stand(
    stall_id: FromPath[UUID],
    data: JSONBody[StandCheckCommand],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
    settings: NamedDependency[Settings],
    now: NamedDependency[datetime],
) -> StandCheckView:
    """Compare the code on the table with the registered one; both names where they differ."""
    return await _checked(database, viewer, settings, stall_id, data.qr_text, now)


@get(
    "/ban-hang/{stall_id:uuid}/kiem-tra-ma", guards=[auth.vendor_of_stall], include_in_schema=False
)
async def check_page(
    stall_id: FromPath[UUID], database: NamedDependency[Database], viewer: NamedDependency[Viewer]
) -> Template:
    """Where a photo of the code on the table is taken."""
    return await _check_page(database, viewer, stall_id)


@post(
    "/ban-hang/{stall_id:uuid}/kiem-tra-ma",
    guards=[auth.vendor_of_stall],
    include_in_schema=False,
    status_code=200,
    request_max_body_size=PHOTO_BODY_BYTES_MAX,
)
async def check_photo(
    stall_id: FromPath[UUID],
    data: Annotated[PhotoForm, Body(media_type=RequestEncodingType.MULTI_PART)],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
    settings: NamedDependency[Settings],
    now: NamedDependency[datetime],
) -> Template:
    """Every payment code in the photo compared: one of another beside the own one is told too."""
    picture = await data.photo.read() if data.photo else b""
    try:
        codes = await asyncio.to_thread(qr_picture.codes_in_picture, picture)
    except qr_picture.PictureError as wrong:
        return await _check_page(database, viewer, stall_id, wrong=problem_of(wrong).title)
    payable = [code for code in codes if code.startswith("000201")] or codes[:1]
    checks = [
        await _checked(database, viewer, settings, stall_id, code[:1_000], now)
        for code in payable[:CODES_CHECKED_MAX]
    ]
    return await _check_page(database, viewer, stall_id, checks)


async def _check_page(
    database: Database,
    viewer: Viewer,
    stall_id: UUID,
    checks: Sequence[StandCheckView] = (),
    wrong: str = "",
) -> Template:
    async with database.as_viewer(viewer) as db:
        stall = await places.stall(db, stall_id)
    worst_first = sorted(checks, key=lambda check: check.result == "same")
    context = {"stall_id": stall.id, "code": stall.code, "checks": worst_first, "wrong": wrong}
    return Template("stand_check.html", context=context)


async def _checked(
    database: Database,
    viewer: Viewer,
    settings: Settings,
    stall_id: UUID,
    qr_text: str,
    now: datetime,
) -> StandCheckView:
    """One code compared; whose a foreign one is, its bank is asked without a transaction open."""
    assert viewer.person_id is not None
    async with database.as_viewer(viewer) as db:
        check = await flow.check_stand(db, stall_id, qr_text, viewer.person_id, now=now)
    found = None
    if check.found is not None:
        holder = check.found.holder_name
        if is_known(check.bank_bin):
            async with outgoing.client() as http:
                holder = (
                    await onboarding_flow.look_up_holder(
                        http, settings.bank_url, check.bank_bin, check.account_no
                    )
                    or holder
                )
        found = ReceiverView(holder, check.found.bank_name, check.found.account_last4)
    registered = check.registered
    return StandCheckView(
        result=check.result,
        serial=check.serial,
        is_registered=check.is_registered,
        registered=ReceiverView(
            registered.holder_name, registered.bank_name, registered.account_last4
        ),
        found=found,
    )


async def _pdf(
    database: Database, viewer: Viewer, stall_id: UUID, size: Paper, now: datetime
) -> Response[bytes]:
    async with database.as_viewer(viewer) as db:
        sheet = await flow.sheet_of(db, stall_id)
        stall = await places.stall(db, stall_id)
    async with (
        database.as_system() as db
    ):  # a contract is its two sides' to read; posted it must be
        sheet = await flow.with_issuer(db, sheet, stall_id, clock.local_day(now))
    content = await asyncio.to_thread(stands.stand_pdf, sheet, size)
    name = f"ma-qr-{stall.code}-{size}.pdf".encode("ascii", "ignore").decode()
    return Response(
        content,
        media_type="application/pdf",
        headers={"content-disposition": f'inline; filename="{name}"', "cache-control": "no-store"},
    )


routers = [stand_pdf, stand_pdf_for_team, check_stand, check_page, check_photo]
