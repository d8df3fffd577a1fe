"""What to do about an issued invoice that is wrong: notify, adjust or replace. Pure.

There is no cancelling any more: a replaced invoice stays in the books as replaced, and its number is
never used again. Source: Circular 91/2026, Art. 10; Decree 254/2026, Art. 10.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Any

from einvoice import instruments, rules
from einvoice.errors import NotPossible
from einvoice.invoice import Invoice, Method
from einvoice.sentences import SOURCE, said_in, say


class Fault(StrEnum):
    """What is wrong with the invoice, or what happened after it."""

    BUYER_NAME = "buyer_name"
    BUYER_ADDRESS = "buyer_address"
    WORDS = "words"
    """The amount in words."""
    OTHER_TEXT = "other_text"
    TAX_ID = "tax_id"
    GOODS = "goods"
    """Name or quality of goods or services."""
    AMOUNT = "amount"
    """Quantity, price or amount."""
    RATE = "rate"
    VAT = "vat"
    MANDATORY = "mandatory"
    """Another mandatory content."""
    RETURNED = "returned"
    """Goods came back or were exchanged, wholly or partly."""
    SERVICE_CANCELLED = "service_cancelled"
    """A service was paid before and then cancelled."""
    REBATE = "rebate"
    """A volume rebate settled afterwards."""
    NO_SYMBOL = "no_symbol"
    """The invoice has no symbol or number."""


NOTICE_ONLY = {Fault.BUYER_NAME, Fault.BUYER_ADDRESS, Fault.WORDS, Fault.OTHER_TEXT}
ERRORS = {Fault.TAX_ID, Fault.GOODS, Fault.AMOUNT, Fault.RATE, Fault.VAT, Fault.MANDATORY}
LATER_EVENTS = {Fault.RETURNED, Fault.SERVICE_CANCELLED, Fault.REBATE}


class BuyerKind(StrEnum):
    """Who bought: it decides what the correction needs."""

    BUSINESS = "business"
    INDIVIDUAL = "individual"
    CONSUMER = "consumer"
    """Gave no data: a notice on the seller's site."""


class Action(StrEnum):
    """What the seller does."""

    NOTIFY = "notify"
    ADJUST = "adjust"
    REPLACE = "replace"
    BUYER_INVOICES = "buyer_invoices"
    """The buyer issues an invoice for the return."""
    NET_ON_NEXT = "net_on_next"
    """The rebate is taken off the last or the next invoice."""
    CORRECT_AND_RESEND = "correct_and_resend"
    """It was never accepted: set it right and send it under a new message id."""
    EXPLAIN = "explain"
    """The authority asked and nothing is wrong: explain with 04/SS-HĐĐT."""


class Need(StrEnum):
    """What must be there before, or goes along."""

    AGREEMENT = "agreement"
    """Signed with a business buyer, stating the error; the seller keeps it."""
    NOTICE_TO_BUYER = "notice_to_buyer"
    """To the buyer or on the seller's site."""
    RETURN_PAPERS = "return_papers"
    LIST = "list"
    """01/BK-ĐCTT: several invoices of one buyer in one month."""
    REBATE_LIST = "rebate_list"
    ERROR_NOTICE = "error_notice"
    """04/SS-HĐĐT, message 300 or 303."""


class TaxPeriod(StrEnum):
    """In whose tax period the correction is declared."""

    OF_WRONG_INVOICE = "of_wrong_invoice"
    OF_NEW_INVOICE = "of_new_invoice"
    NONE = "none"


@dataclass(frozen=True, kw_only=True)
class Case:
    """One wrong invoice, in facts."""

    faults: frozenset[Fault]
    is_cash_register: bool = False
    is_registrable_asset: bool = False
    """Goods whose ownership is registered, e.g. motorbikes."""
    buyer: BuyerKind = BuyerKind.INDIVIDUAL
    is_platform_sale: bool = False
    is_summary_table: bool = False
    buyer_invoices_return: bool = False
    """Seller and buyer agreed that the buyer invoices the return."""
    earlier: Method | None = None
    """How this invoice was corrected before: the same method again."""
    invoice_count: int = 1
    """Invoices of this buyer in this month with the same error."""
    state: str = "accepted"
    """numbered, sent, accepted or rejected."""
    asked_by_authority: bool = False
    """Message 302 (01/TB-RSĐT)."""
    answer_by: date | None = None


def buyer_kind(invoice: Invoice) -> BuyerKind:
    """Who bought, by what the invoice says: a tax id of 10 digits is a business's."""
    buyer = invoice.buyer
    if len(buyer.tax_id) in (10, 14):
        return BuyerKind.BUSINESS
    nobody = rules.phrase("consumer_name", invoice.issued_on)
    told = buyer.tax_id or buyer.personal_id or buyer.phone or buyer.email or buyer.address
    is_named = bool(buyer.name) and buyer.name != nobody
    return BuyerKind.INDIVIDUAL if told or is_named else BuyerKind.CONSUMER


def case_of(invoice: Invoice, faults: Iterable[Fault], *, state: str, correction: str = "") -> Case:
    """The case of an issued invoice; `correction` is empty, replaced or adjusted as it is stored.

    Raises: NotPossible for a replaced one: its successor is corrected.
    """
    if correction == "replaced":
        raise NotPossible("it was replaced; its successor is corrected")
    earlier = None if invoice.related is None else invoice.related.method
    return Case(
        faults=frozenset(faults),
        is_cash_register=invoice.is_cash_register,
        buyer=buyer_kind(invoice),
        earlier=Method.ADJUSTS if correction == "adjusted" else earlier,
        state=state,
    )


@dataclass(frozen=True, kw_only=True)
class Advice:
    """What to do. `choices` has more than one action where the seller may choose."""

    choices: tuple[Action, ...]
    needs: frozenset[Need] = frozenset()
    is_locked: bool = False
    """The method was fixed by the first correction or by the kind of invoice."""
    message_kind: int = 0
    """300 or 303 where an error notice is sent."""
    tax_period: TaxPeriod = TaxPeriod.NONE
    answer_by: date | None = None
    source: str = "C91 Điều 10"

    @property
    def action(self) -> Action:
        """What to do first."""
        return self.choices[0]

    def sentences(self, language: str = SOURCE) -> list[str]:
        """The advice, one step a line, in Vietnamese or English."""
        choices = [said_in(_ACTIONS[one], language) for one in self.choices]
        first = said_in(" hoặc ", language).join(choices)
        steps = [said_in(one, language) for one in self._steps()]
        basis = said_in(say("Căn cứ: {}.", instruments.spelled(self.source, language)), language)
        return [f"{first[0].upper()}{first[1:]}.", *steps, basis]

    def _steps(self) -> list[str]:
        said = [_NEEDS[one] for one in sorted(self.needs)]
        if self.is_locked:
            said.append("Cách làm này là bắt buộc, không đổi được.")
        if self.message_kind:
            kind = self.message_kind
            said.append(say("Gửi cơ quan thuế mẫu 04/SS-HĐĐT (thông điệp {}).", kind))
        if self.answer_by:
            said.append(say("Trả lời cơ quan thuế chậm nhất ngày {:%d/%m/%Y}.", self.answer_by))
        if self.tax_period in _PERIODS:
            said.append(_PERIODS[self.tax_period])
        return said

    def plain(self, language: str = SOURCE) -> dict[str, Any]:
        """As JSON wants it."""
        return {
            "action": self.action.value,
            "choices": [one.value for one in self.choices],
            "needs": sorted(one.value for one in self.needs),
            "is_locked": self.is_locked,
            "message_kind": self.message_kind or None,
            "tax_period": self.tax_period.value,
            "answer_by": self.answer_by.isoformat() if self.answer_by else None,
            "source": instruments.spelled(self.source, language),
            "sentences": self.sentences(language),
        }


_ACTIONS = {
    Action.NOTIFY: "chỉ thông báo sai sót, không lập hóa đơn mới",
    Action.ADJUST: "lập hóa đơn điều chỉnh (ghi phần chênh lệch tăng, giảm)",
    Action.REPLACE: "lập hóa đơn thay thế (ghi đủ nội dung đúng)",
    Action.BUYER_INVOICES: "người mua lập hóa đơn cho hàng trả lại",
    Action.NET_ON_NEXT: "trừ chiết khấu vào hóa đơn lần cuối hoặc kỳ sau",
    Action.CORRECT_AND_RESEND: "sửa rồi gửi lại với mã thông điệp mới, giữ nguyên số hóa đơn",
    Action.EXPLAIN: "giải trình với cơ quan thuế",
}
_NEEDS = {
    Need.AGREEMENT: "Hai bên ký văn bản thỏa thuận ghi rõ sai sót; người bán giữ.",
    Need.NOTICE_TO_BUYER: "Báo cho người mua, hoặc đăng thông báo trên trang của người bán.",
    Need.RETURN_PAPERS: "Giữ chứng từ trả hàng.",
    Need.LIST: "Kèm bảng kê 01/BK-ĐCTT liệt kê các hóa đơn sai.",
    Need.REBATE_LIST: "Giữ bảng kê các hóa đơn được chiết khấu.",
    Need.ERROR_NOTICE: "Lập thông báo 04/SS-HĐĐT, ghi rõ lý do.",
}
_PERIODS = {
    TaxPeriod.OF_WRONG_INVOICE: "Khai vào kỳ thuế của hóa đơn sai.",
    TaxPeriod.OF_NEW_INVOICE: "Người bán khai vào kỳ thuế của hóa đơn điều chỉnh.",
}


def advise(case: Case) -> Advice:
    """What to do about a case. Raises: NotPossible for an earlier method the law now forbids."""
    if not case.faults:
        if case.asked_by_authority:
            explained = replace(_notify(case), choices=(Action.EXPLAIN,), answer_by=case.answer_by)
            return replace(explained, needs=frozenset({Need.ERROR_NOTICE}))
        raise NotPossible("nothing is said to be wrong")
    if case.state == "rejected":
        return Advice(choices=(Action.CORRECT_AND_RESEND,), source="C91 Điều 10")
    advice = _advice(case)
    if case.asked_by_authority:
        advice = replace(advice, answer_by=case.answer_by)
    return advice


def _advice(case: Case) -> Advice:
    if case.faults <= NOTICE_ONLY:
        return _notify(case)
    later, errors = case.faults & LATER_EVENTS, case.faults & ERRORS
    if later and not errors:
        return _after(case, later)
    if Fault.NO_SYMBOL in case.faults:
        return _locked(_correction(case, (Action.ADJUST,)))
    choices: tuple[Action, ...] = (Action.REPLACE, Action.ADJUST)
    if case.earlier is not None:
        choices = (_OF[case.earlier],)
    elif case.is_cash_register or case.is_registrable_asset:
        choices = (Action.REPLACE,)
    advice = _correction(case, choices)
    return _locked(advice) if len(choices) == 1 else advice


_OF = {Method.REPLACES: Action.REPLACE, Method.ADJUSTS: Action.ADJUST}


def _notify(case: Case) -> Advice:
    return Advice(
        choices=(Action.NOTIFY,),
        needs=frozenset({Need.NOTICE_TO_BUYER, Need.ERROR_NOTICE}),
        is_locked=True,
        message_kind=303 if case.is_cash_register else 300,
    )


def _after(case: Case, later: frozenset[Fault]) -> Advice:
    """Returns, cancelled services, rebates: the invoice was right when it was issued."""
    if later == {Fault.REBATE}:
        return Advice(
            choices=(Action.NET_ON_NEXT, Action.ADJUST),
            needs=frozenset({Need.REBATE_LIST}),
            tax_period=TaxPeriod.OF_NEW_INVOICE,
        )
    if Fault.RETURNED in later and case.buyer_invoices_return:
        return Advice(
            choices=(Action.BUYER_INVOICES,),
            needs=frozenset({Need.RETURN_PAPERS, Need.AGREEMENT}),
            is_locked=True,
            tax_period=TaxPeriod.OF_NEW_INVOICE,
        )
    needs = {Need.RETURN_PAPERS} if Fault.RETURNED in later else set()
    return Advice(
        choices=(Action.ADJUST,),
        needs=frozenset(needs),
        is_locked=True,
        tax_period=TaxPeriod.OF_NEW_INVOICE,
        source="C91 Điều 10.6",
    )


def _correction(case: Case, choices: tuple[Action, ...]) -> Advice:
    needs: set[Need] = set()
    if not (case.is_platform_sale or case.is_summary_table):
        business = case.buyer is BuyerKind.BUSINESS
        needs.add(Need.AGREEMENT if business else Need.NOTICE_TO_BUYER)
    if case.invoice_count > 1:
        needs.add(Need.LIST)
    return Advice(choices=choices, needs=frozenset(needs), tax_period=TaxPeriod.OF_WRONG_INVOICE)


def _locked(advice: Advice) -> Advice:
    return replace(advice, is_locked=True)


# ── Where an invoice stands ─────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, kw_only=True)
class Standing:
    """draft → numbered → sent → accepted or rejected; then what was done about it."""

    state: str = "draft"
    corrected: Method | None = None
    corrected_by: tuple[str, ...] = ()
    """Names of the invoices that replace (one) or adjust (any number) it."""
    notice_count: int = 0


_MOVES = {
    ("draft", "number"): "numbered",
    ("numbered", "send"): "sent",
    ("sent", "accept"): "accepted",
    ("sent", "reject"): "rejected",
    ("rejected", "send"): "sent",
    ("numbered", "accept"): "accepted",
}


def moved(standing: Standing, move: str) -> Standing:
    """After number, send, accept, reject; a verdict that came before is not changed by a late one.

    Raises: NotPossible.
    """
    if (standing.state, move) in _MOVES:
        return replace(standing, state=_MOVES[standing.state, move])
    raise NotPossible(f"an invoice that is {standing.state} cannot {move}")


def notified(standing: Standing) -> Standing:
    """After an error notice. Raises: NotPossible."""
    _correctable(standing)
    return replace(standing, notice_count=standing.notice_count + 1)


def corrected(standing: Standing, method: Method, by: str) -> Standing:
    """After an invoice that replaces or adjusts it; the first correction fixes the method.

    A replaced invoice is not corrected again: its successor is. Raises: NotPossible.
    """
    _correctable(standing)
    if standing.corrected not in (None, method):
        raise NotPossible("the first correction fixed another method")
    return replace(standing, corrected=method, corrected_by=(*standing.corrected_by, by))


def _correctable(standing: Standing) -> None:
    if standing.state != "accepted":
        raise NotPossible(f"an invoice that is {standing.state} is not corrected")
    if standing.corrected is Method.REPLACES:
        raise NotPossible(f"it was replaced by {standing.corrected_by[0]}; correct that one")
