"""VNPAY 2.1.0 in the browser and server to server: pay address, return, IPN. Pure.

Source: VNPAY payment gateway, technical specification 2.1.0; sandbox documentation (PAY).
Amounts on VNPAY's wire are đồng times 100; nothing outside the gateway's modules sees that.
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network
from typing import Literal
from urllib.parse import parse_qsl, quote_plus

from payments.confirmation import Confirmation
from payments.gateways.gateway import (
    BODY_LENGTH_MAX,
    VIETNAM,
    Answer,
    GatewayError,
    Notice,
    NoticeForged,
    NoticeMalformed,
    Secrets,
    SourceNotAllowed,
)
from payments.gateways.wire import is_credible
from payments.settlement import Settled, SettlementOutcome
from payments.text import fold

NAME = "vnpay"
VERSION = "2.1.0"
AMOUNT_VND_MAX = 9_999_999_999
"""vnp_Amount has at most 12 digits."""
PAID = "00"
Command = Literal["pay", "genqr"]


class AmountMalformed(NoticeMalformed):
    """A rightly signed amount that no payment can have: not of đồng times 100, or none."""

    code = "amount_malformed"
    payment_ref = ""
    """The order it is about: whether we know that one is asked first."""


class OrderUnnamed(NoticeMalformed):
    """Rightly signed, and about no order at all."""

    code = "order_unnamed"


_UNSIGNED = frozenset({"vnp_SecureHash", "vnp_SecureHashType"})
_SAFE = re.compile(r"[^A-Za-z0-9 .,:_-]")
_REFERENCE = re.compile(r"[A-Za-z0-9.,:_-]{1,100}")

RESPONSES = {
    "00": "Giao dịch thành công.",
    "07": "Đã trừ tiền, giao dịch đang được kiểm tra. Chưa giao hàng.",
    "09": "Thẻ hoặc tài khoản chưa đăng ký ngân hàng trực tuyến. Hãy dùng cách khác.",
    "10": "Xác thực thẻ sai quá ba lần. Hãy thử lại sau.",
    "11": "Đã hết thời gian thanh toán. Hãy tạo lần thanh toán mới.",
    "12": "Thẻ hoặc tài khoản đang bị khóa. Hãy dùng cách khác.",
    "13": "Mã OTP không đúng. Hãy thử lại.",
    "24": "Khách đã hủy thanh toán.",
    "51": "Tài khoản không đủ tiền. Hãy dùng tài khoản khác.",
    "65": "Đã vượt hạn mức trong ngày. Hãy dùng cách khác.",
    "75": "Ngân hàng đang bảo trì. Hãy dùng ngân hàng khác.",
    "79": "Nhập sai mật khẩu thanh toán quá số lần. Hãy thử lại.",
    "99": "Có lỗi. Hãy thử lại hoặc gọi hỗ trợ.",
}
"""vnp_ResponseCode and what the payer is told."""

IPN_ANSWERS = {
    "00": "Confirm Success",
    "01": "Order not found",
    "02": "Order already confirmed",
    "03": "Source not allowed",
    "04": "Invalid amount",
    "97": "Invalid signature",
    "99": "Unknown error",
}
"""RspCode and Message; VNPAY stops on 00 and 02 and calls again on all others."""

_FINAL = frozenset({SettlementOutcome.ALREADY_SEEN, SettlementOutcome.DUPLICATE_PAYMENT})
_RSP_OF_OUTCOME = {
    "unmatched": "01",
    "account_unknown": "01",
    "foreign_code": "01",
    "suggested": "01",
    "amount_mismatch": "04",
    "reference_reused": "04",
    "already_seen": "02",
    "already_posted": "02",
    "duplicate_payment": "02",
    "duplicate": "02",
}


@dataclass(frozen=True, slots=True)
class VNPayConfig:
    """One terminal at VNPAY."""

    tmn_code: str
    secrets: Secrets
    url: str = "https://sandbox.vnpayment.vn"
    """Where the payment page and the API live, without a closing slash."""
    networks: tuple[str, ...] = ()
    """Where IPNs may come from; empty: from anywhere, for the signature alone proves them."""

    @property
    def pay_url(self) -> str:
        """The payment page."""
        return f"{self.url}/paymentv2/vpcpay.html"

    @property
    def banks_url(self) -> str:
        """The list of banks a payer may choose from."""
        return f"{self.url}/qrpayauth/api/merchant/get_bank_list"

    @property
    def api_url(self) -> str:
        """querydr and refund."""
        return f"{self.url}/merchant_webapi/api/transaction"


@dataclass(frozen=True, slots=True)
class VNPayOrder:
    """What to ask VNPAY to collect."""

    txn_ref: str
    """Our reference, unique for the terminal on its day in Vietnam."""
    amount_vnd: int
    info: str
    return_url: str
    ip: str
    """The payer's address, v4 or v6."""
    expires_at: datetime
    order_type: str = "100000"
    bank_code: str = ""
    locale: str = "vn"


def pay_url(
    config: VNPayConfig, order: VNPayOrder, now: datetime, *, command: Command = "pay"
) -> str:
    """The signed address to send the payer's browser to; genqr answers it with a code instead."""
    assert 0 < order.amount_vnd <= AMOUNT_VND_MAX
    assert _REFERENCE.fullmatch(order.txn_ref)
    query = signed_query(
        {
            "vnp_Version": VERSION,
            "vnp_Command": command,
            "vnp_TmnCode": config.tmn_code,
            "vnp_Amount": str(order.amount_vnd * 100),
            "vnp_BankCode": order.bank_code,
            "vnp_CreateDate": stamp(now),
            "vnp_CurrCode": "VND",
            "vnp_IpAddr": order.ip,
            "vnp_Locale": order.locale,
            "vnp_OrderInfo": plain_info(order.info),
            "vnp_OrderType": order.order_type,
            "vnp_ReturnUrl": order.return_url,
            "vnp_ExpireDate": stamp(order.expires_at),
            "vnp_TxnRef": order.txn_ref,
        },
        config.secrets.current,
    )
    return f"{config.pay_url}?{query}"


def attempt_ref(payment_ref: str, attempt: str) -> str:
    """A TxnRef for one attempt at a payment: VNPAY takes each only once a day."""
    reference = f"{payment_ref}.{attempt}"
    assert _REFERENCE.fullmatch(reference)
    return reference


def plain_info(text: str) -> str:
    """OrderInfo that every encoder writes alike: unaccented letters, digits and . , : _ -"""
    kept = " ".join(_SAFE.sub(" ", fold(text)).split())
    return kept[:255].strip() or "Thanh toan"


def stamp(instant: datetime) -> str:
    """yyyyMMddHHmmss on a clock in Vietnam, as VNPAY wants every time."""
    assert instant.tzinfo is not None
    return instant.astimezone(VIETNAM).strftime("%Y%m%d%H%M%S")


def instant(text: str) -> datetime | None:
    """The UTC instant of a yyyyMMddHHmmss; None where it is no time."""
    if not (len(text) == 14 and text.isascii() and text.isdigit()):
        return None
    try:
        local = datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=VIETNAM)
        return local.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def canonical_query(fields: Mapping[str, str]) -> str:
    """The signed form: vnp_ fields without the hash and without empty ones, sorted, encoded."""
    return "&".join(
        f"{name}={quote_plus(value)}"
        for name, value in sorted(fields.items())
        if name.startswith("vnp_") and name not in _UNSIGNED and value
    )


def sign(secret: str, data: str) -> str:
    """HMAC-SHA512 in lower-case hex, over a canonical query or pipe-joined values."""
    return hmac.new(secret.encode(), data.encode(), hashlib.sha512).hexdigest()


def signer(data: str) -> Callable[[str], str]:
    """What makes the signature of `data` from a secret."""
    return lambda secret: sign(secret, data)


def signed_query(fields: Mapping[str, str], secret: str) -> str:
    """The canonical query with its hash behind it."""
    query = canonical_query(fields)
    return f"{query}&vnp_SecureHash={sign(secret, query)}"


def verify_query(query: str, secrets: Secrets) -> dict[str, str]:
    """The vnp_ fields of a signed query, decoded.

    Encoders differ on a few signs, so the hash may be made of the pairs as they came, sorted, or
    of their canonical encoding. Fields that do not begin with vnp_ are not signed and dropped.

    Raises: NoticeForged; NoticeMalformed where one field stands twice.
    """
    if len(query) > BODY_LENGTH_MAX:
        raise NoticeMalformed(NAME, "The query is larger than any notice.")
    raw = [pair for pair in query.split("&") if pair.startswith("vnp_")]
    fields = dict(parse_qsl("&".join(raw), keep_blank_values=True))
    given = fields.get("vnp_SecureHash", "")
    if not given:
        raise NoticeForged(NAME, "There is no signature.")
    as_received = secrets.matches(given, signer(_as_received(raw)))
    encoded_again = secrets.matches(given, signer(canonical_query(fields)))
    if not (as_received or encoded_again):
        raise NoticeForged(NAME, "The signature does not fit the fields.")
    if len(raw) != len(fields):
        raise NoticeMalformed(NAME, "A field stands twice.")
    return {name: value for name, value in fields.items() if name not in _UNSIGNED}


@dataclass(frozen=True, slots=True)
class VNPayGateway:
    """IPNs of one terminal."""

    config: VNPayConfig
    name: str = NAME

    def verify(self, notice: Notice, now: datetime) -> Confirmation:
        """What an IPN (or a return) says; failed payments too.

        A genuine IPN may come late by hours, so there is no window of time.
        """
        return confirmation_of(self._fields(notice), now)

    def _fields(self, notice: Notice) -> dict[str, str]:
        query = notice.query or notice.body.decode("utf-8", "replace")
        fields = verify_query(query, self.config.secrets)
        if fields.get("vnp_TmnCode") != self.config.tmn_code:
            raise NoticeForged(NAME, "The notice is for another terminal.")
        if notice.source is not None and not self._may_send(notice.source):
            raise SourceNotAllowed(NAME, "The notice does not come from an address of VNPAY's.")
        return fields

    def _may_send(self, source: str) -> bool:
        if not self.config.networks:
            return True
        try:
            address = ip_address(source)
        except ValueError:
            return False
        plain = getattr(address, "ipv4_mapped", None) or address
        return any(plain in ip_network(one) for one in self.config.networks)

    def answer(self, outcome: str) -> Answer:
        """RspCode by the name of the settlement's outcome, always with HTTP 200."""
        return ipn_answer(_RSP_OF_OUTCOME.get(outcome.lower(), "00"))

    def answer_to(self, settled: Settled) -> Answer:
        """RspCode by what the ledger found, in VNPAY's order of checks, always with HTTP 200.

        The order: is it known, does the amount agree, is it final already, else it is recorded now,
        paid or failed. Decided from what one commit saw, so two at once hear 00 and 02.
        """
        outcome = settled.outcome
        if outcome is SettlementOutcome.REFERENCE_REUSED:  # one number, two stories: never a yes
            return ipn_answer("04")
        paid_before = outcome is SettlementOutcome.FAILED and (
            settled.received_vnd >= settled.asked_vnd
        )
        return ipn_answer(
            ipn_rsp_code(
                genuine=True,
                known=settled.payment_id is not None,
                amount_agrees=settled.amount_vnd == settled.asked_vnd,
                final=paid_before or outcome in _FINAL,
            )
        )

    def refusal(self, error: GatewayError) -> Answer:
        """97 for a wrong hash, 03 for a wrong sender, 01 for no order, 04 for an amount that no
        payment has, 99 for all else; VNPAY will call again.
        """
        kinds = (
            (SourceNotAllowed, "03"),
            (NoticeForged, "97"),
            (OrderUnnamed, "01"),
            (AmountMalformed, "04"),
        )
        return ipn_answer(next((rsp for kind, rsp in kinds if isinstance(error, kind)), "99"))


def ipn_answer(rsp_code: str) -> Answer:
    """An IPN answer; HTTP 200 whatever it says."""
    return Answer(200, {"RspCode": rsp_code, "Message": IPN_ANSWERS[rsp_code]})


def ipn_rsp_code(*, genuine: bool, known: bool, amount_agrees: bool, final: bool) -> str:
    """The RspCode by what the ledger says, in the order VNPAY prescribes."""
    checks = ((not genuine, "97"), (not known, "01"), (not amount_agrees, "04"), (final, "02"))
    return next((code for wrong, code in checks if wrong), "00")


def confirmation_of(fields: Mapping[str, str], now: datetime) -> Confirmation:
    """Verified fields as a confirmation; paid only where both codes are 00.

    Raises: NoticeMalformed.
    """
    txn_ref, response = fields.get("vnp_TxnRef", ""), fields.get("vnp_ResponseCode", "")
    status = fields.get("vnp_TransactionStatus", "")
    if not txn_ref:
        raise OrderUnnamed(NAME, "TxnRef is missing.")
    if not response:
        raise NoticeMalformed(NAME, "ResponseCode is missing.")
    payment_ref = txn_ref.partition(".")[0]
    try:
        amount_vnd = wire_vnd(fields.get("vnp_Amount", ""))
    except AmountMalformed as wrong:
        wrong.payment_ref = payment_ref
        raise
    number = fields.get("vnp_TransactionNo", "")
    paid_at = instant(fields.get("vnp_PayDate", ""))
    # A cancelled payment has number 0 at VNPAY: its own reference tells it apart.
    provider_id = number if number.strip("0") else f"{txn_ref}:{response}"
    return Confirmation(
        gateway=NAME,
        provider_id=provider_id,
        amount_vnd=amount_vnd,
        occurred_at=paid_at if paid_at and is_credible(paid_at, now) else now,
        succeeded=response == PAID and status == PAID,
        reference=fields.get("vnp_BankTranNo", ""),
        memo=fields.get("vnp_OrderInfo", ""),
        payment_ref=payment_ref,
        detail=f"{response}/{status} {txn_ref}",
    )


def is_under_review(detail: str) -> bool:
    """Whether the money was debited and VNPAY suspects fraud: neither paid nor failed yet."""
    return detail.startswith("07")


def txn_ref_of(detail: str) -> str:
    """The TxnRef of the very attempt, from a confirmation's detail; lookups and refunds name it."""
    return detail.partition(" ")[2]


def wire_vnd(text: str) -> int:
    """Whole đồng from a vnp_Amount.

    Raises: AmountMalformed.
    """
    if not (text.isascii() and text.isdigit() and len(text) <= 15 and text.endswith("00")):
        raise AmountMalformed(NAME, "The amount is no number of đồng times 100.")
    amount_vnd = int(text) // 100
    if amount_vnd == 0:
        raise AmountMalformed(NAME, "The amount is zero.")
    return amount_vnd


def _as_received(pairs: Iterable[str]) -> str:
    parted = sorted(pair.partition("=") for pair in pairs)
    kept = ("".join(pair) for pair in parted if pair[0] not in _UNSIGNED and pair[2])
    return "&".join(kept)
