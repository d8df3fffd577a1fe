"""`market einvoice day`: payments, sales, invoices and accepted messages of a day, and what lacks."""

import argparse
from datetime import date
from typing import TYPE_CHECKING, Any
from uuid import UUID

from market.commands.answers import DONE, FAILED, MISUSED, dots, refuse, say, say_json
from market.commands.languages import Translate, translator
from market.settings import Settings

if TYPE_CHECKING:
    from einvoice.books import DayCheck
    from einvoice.books.day import Side
    from einvoice.fines import Fine

VENDORS_MAX = 10_000
SHOWN_MAX = 20


def add_arguments(day: argparse.ArgumentParser) -> None:
    """What `day` takes; the action itself is added where the others are."""
    day.set_defaults(command=run)
    day.add_argument("--day", type=_day, help="the day, as 2026-11-23 (today, in Vietnam)")
    day.add_argument("--vendor", type=_id, metavar="ID", help="one vendor; all who sold without it")


def _day(given: str) -> date:
    try:
        return date.fromisoformat(given)
    except ValueError:
        raise argparse.ArgumentTypeError(f"“{given}” is no day such as 2026-11-23") from None


def _id(given: str) -> UUID:
    try:
        return UUID(given)
    except ValueError:
        raise argparse.ArgumentTypeError(f"“{given}” is no vendor's id") from None


def run(options: argparse.Namespace, settings: Settings) -> int:
    """0 where all four sides agree or nothing is to do, 1 where anything lacks."""
    import asyncio

    from market import clock
    from market.commands.database import opened
    from market.errors import NotFound

    today = clock.local_day(clock.now())
    day = options.day or today
    if day > today:
        return refuse(
            f"{day} has not come yet.", as_json=options.json, exit_code=MISUSED, day=str(day)
        )
    with opened(settings) as url:
        try:
            found = asyncio.run(_checked(url, day, options.vendor))
        except NotFound as wrong:
            return refuse(str(wrong), as_json=options.json, exit_code=MISUSED)
    trouble = sum(check.trouble_count for _, _, check in found)
    if options.json:
        vendors = [_plain(vendor_id, name, check) for vendor_id, name, check in found]
        say_json({"day": str(day), "trouble_count": trouble, "vendors": vendors})
    else:
        _show(day, found, trouble, options.lang)
    return FAILED if trouble else DONE


async def _checked(
    url: str, day: date, vendor_id: UUID | None
) -> "list[tuple[UUID, str, DayCheck]]":
    from market import clock
    from market.db import Database
    from market.flows import day_check, tax

    database = Database(url, pool_size=1)
    try:
        async with database.as_system() as db:
            if vendor_id is None:
                vendors = (await day_check.vendors_of(db, day))[:VENDORS_MAX]
            else:
                vendors = [(vendor_id, (await tax.tax_year(db, vendor_id, day)).vendor.name)]
        found = []
        for one, name in vendors:
            async with database.as_system() as db:
                found.append((one, name, await day_check.check(db, one, day, now=clock.now())))
        return found
    finally:
        await database.close()


def _plain(vendor_id: UUID, name: str, check: "DayCheck") -> dict[str, Any]:
    sides = {side: getattr(check, side) for side in ("payments", "sales", "invoices", "accepted")}
    return {
        "vendor_id": str(vendor_id),
        "name": name,
        "is_required": check.is_required,
        "trouble_count": check.trouble_count,
        **{side: {"count": one.count, "amount_vnd": one.amount_vnd} for side, one in sides.items()},
        "fine_missing": _plain_fine(check.fine_missing),
        "fine_wrong_day": _plain_fine(check.fine_wrong_day),
        "items": [
            {
                "finding": one.finding.value,
                "sale_id": str(one.sold.id) if one.sold else None,
                "amount_vnd": one.sold.amount_vnd if one.sold else None,
                "invoices": [
                    {"name": mark.name, "state": mark.state, "payable_vnd": mark.payable_vnd}
                    for mark in one.invoices
                ],
            }
            for one in check.items
            if one.finding.is_trouble
        ],
    }


def _plain_fine(fine: "Fine | None") -> dict[str, Any] | None:
    if fine is None:
        return None
    return {"vnd_min": fine.vnd_min, "vnd_max": fine.vnd_max, "source": fine.source}


def _words(_: Translate) -> dict[str, str]:
    return {
        "no_invoice": _("chưa lập hóa đơn"),
        "rejected": _("cơ quan thuế không nhận"),
        "wrong_day": _("lập khác ngày bán"),
        "amount_differs": _("hóa đơn khác số tiền bán"),
        "no_adjustment": _("đã hoàn tiền, hóa đơn chưa điều chỉnh"),
        "no_money": _("ghi là đủ tiền, chưa thấy tiền"),
        "no_sale": _("có tiền hoặc hóa đơn mà không có lần bán"),
        "late": _("quá hạn gửi cơ quan thuế"),
        "sent_late": _("đã nhận, gửi muộn"),
        "waiting": _("đang chờ cơ quan thuế"),
        "not_required": _("không cần hóa đơn"),
        "right": _("khớp cả bốn"),
    }


def _show(day: date, found: "list[tuple[UUID, str, DayCheck]]", trouble: int, lang: str) -> None:
    from einvoice import instruments
    from einvoice.books import findings_by_count

    _ = translator(lang)
    words = _words(_)
    for _id, name, check in [one for one in found if one[2].trouble_count][:SHOWN_MAX]:
        say(f"{name}:")
        text = _(
            "tiền về {payments}, bán {sales}, hóa đơn {invoices}, cơ quan thuế nhận {accepted}"
        )
        say("  " + text.format(
            payments=_side(check.payments), sales=_side(check.sales),
            invoices=_side(check.invoices), accepted=_side(check.accepted),
        ))  # fmt: skip
        for finding, count in findings_by_count(check).items():
            if finding.is_trouble:
                say(f"  {words[finding.value]}: {count}")
        for fine in filter(None, (check.fine_missing, check.fine_wrong_day)):
            text = _("có thể bị phạt {least} đến {most} ({source})")
            say("  " + text.format(
                least=dots(fine.vnd_min), most=dots(fine.vnd_max), source=instruments.spelled(fine.source, lang)
            ))  # fmt: skip
    hidden = sum(bool(one[2].trouble_count) for one in found) - SHOWN_MAX
    if hidden > 0:
        say(_("… và {count} người bán nữa; --json cho tất cả.").format(count=hidden))
    text = _("{day:%d/%m/%Y}: {count} người bán, {trouble} chỗ cần xem.")
    said = text.format(day=day, count=len(found), trouble=trouble)
    say(f"{said} {_('Không thay cho kê khai thuế.')}")


def _side(side: "Side") -> str:
    return f"{side.count} = {dots(side.amount_vnd)}"
