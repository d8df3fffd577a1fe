"""What is measured of e-invoices: signing, verifying and printing, each beside what bounds or rivals it.

All in one process on one core, in processor time: what else the machine does cancels out. The cells
of a repetition are run in turn in short slices.
"""

import resource
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric import ec
from lxml import etree
from signxml import CanonicalizationMethod, SignatureConfiguration, XMLSigner, XMLVerifier

import einvoice
from einvoice import document, envelope, keys, pdf, qr, seal
from einvoice.identifiers import AUTHORITY, message_code
from einvoice.markup import BYTES_MAX
from einvoice.page.contents import Printed

TAX_ID = "038190000123"
PARTNER = "V0107001729"
NOW = datetime(2026, 11, 23, 2, 15, tzinfo=UTC)
DAY = date(2026, 11, 23)
LINE_COUNT = 10
SLICE_S = 0.05
MESSAGE_ROOM = 30_000
"""Bytes of a message left for what is not invoices."""
TOGETHER = 100
"""Invoices signed in one go."""
RAW_COUNT = 50
"""Bare signatures after each message of the batch."""

IN_AN_ACT = {"ours RSA together": TOGETHER}
"""Invoices an act makes, where it is not one."""

Act = Callable[[int], object]


@dataclass(frozen=True)
class Turn:
    """One cell in one repetition."""

    cell: str
    repetition: int
    count: int
    cpu_s: float

    @property
    def rate(self) -> float:
        """Of a second of processor time."""
        return self.count / self.cpu_s


@dataclass(frozen=True)
class Batch:
    """A day's end, prepared."""

    invoices: int
    messages: int
    cpu_s: float
    raw_per_s: float
    """The bare signature, measured in between."""
    grown_mb: float
    """Memory at the end over memory after the first message."""
    seconds: float


def rsa_signer() -> keys.KeySigner:
    """A stall's key."""
    key = keys.make_key()
    return keys.KeySigner(key, keys.make_demo_certificate(TAX_ID, "Hộ Ví Dụ", NOW, key))


def curve_signer() -> keys.CurveSigner:
    """The same on P-256."""
    key = ec.generate_private_key(ec.SECP256R1())
    return keys.CurveSigner(key, keys.make_demo_certificate(TAX_ID, "Hộ Ví Dụ", NOW, key))


SELLER = einvoice.Seller(
    name="HỘ KINH DOANH VÍ DỤ", tax_id=TAX_ID, address="Sạp 12, Chợ Ví Dụ, Tỉnh Thanh Hóa"
)
BUYER = einvoice.Buyer(name="Bán cho người tiêu dùng")
GOODS = ("Bún bò", "Trà đá", "Chả quế", "Rau muống", "Cà chua", "Nước mắm", "Gạo tám", "Thịt ba chỉ",
         "Trứng gà", "Đậu phụ")  # fmt: skip


def basket(number: int) -> einvoice.Invoice:
    """An invoice of ten lines from what was sold: amounts, totals, words and lookup code."""
    lines = tuple(
        einvoice.line(name, 1 + (number + place) % 5, 4_000 + 500 * place, unit="kg")
        for place, name in enumerate(GOODS)
    )
    totals = einvoice.totals_of(einvoice.SALES_INVOICE, lines)
    return einvoice.Invoice(
        version="2.1.0", title="Hóa đơn bán hàng", template=einvoice.SALES_INVOICE, symbol="C26MAA",
        number=number, issued_on=DAY, seller=SELLER, buyer=BUYER, lines=lines, totals=totals,
        code=f"M2-26-A1B2C-{number:011d}",
        lookup=qr.lookup_payload(TAX_ID, 2, "C26MAA", number, DAY, totals.payable_vnd),
    )  # fmt: skip


# ── Cells ───────────────────────────────────────────────────────────────────────────────────────


def cells() -> dict[str, Act]:
    """What is measured, by name; each takes a running number."""
    rsa, curve = rsa_signer(), curve_signer()
    made = [basket(number) for number in range(1, TOGETHER + 1)]
    ours, ours_curve = _sealed(made, rsa), _sealed(made, curve)
    theirs = [_by_signxml(one, rsa, "rsa-sha256") for one in made]
    _check(ours[0], ours_curve[0], theirs[0], rsa)
    info = ours[0][ours[0].index(b"<SignedInfo") : ours[0].index(b"<SignatureValue")]
    shown = [Printed(invoice=one, xml=xml) for one, xml in zip(made, ours, strict=True)]
    return {
        "raw RSA-2048": lambda n: rsa.sign(info),
        "ours RSA": lambda n: seal.write_signed(made[n % 100], rsa, NOW),
        "ours RSA together": lambda n: seal.write_signed_all(made, rsa, NOW),
        "ours RSA from the basket": lambda n: seal.write_signed(basket(n + 1), rsa, NOW),
        "signxml RSA": lambda n: _by_signxml(made[n % 100], rsa, "rsa-sha256"),
        "ours P-256": lambda n: seal.write_signed(made[n % 100], curve, NOW),
        "signxml P-256": lambda n: _by_signxml(made[n % 100], curve, "ecdsa-sha256"),
        "ours verify": lambda n: seal.verify(ours[n % 100], seal.SELLER),
        "signxml verify": lambda n: _verified_by_signxml(theirs[n % 100], rsa),
        "page A4": lambda n: pdf.pdf_page(_linked(shown[n % 100], n), pdf.A4),
        "page roll": lambda n: pdf.pdf_page(_linked(shown[n % 100], n), pdf.ROLL_80),
        "archive A4": lambda n: pdf.archive_page(_linked(shown[n % 100], n), pdf.A4),
    }


def _sealed(made: list[einvoice.Invoice], signer: keys.Signer) -> list[bytes]:
    return [seal.write_signed(one, signer, NOW) for one in made]


def _check(ours: bytes, curve: bytes, theirs: bytes, signer: keys.KeySigner) -> None:
    """What is compared does its work: an answer to another question would be worth nothing."""
    assert seal.verify(ours, seal.SELLER).signed_at == NOW
    assert seal.verify(curve, seal.SELLER, curves=True).signed_at == NOW
    assert _verified_by_signxml(theirs, signer).signed_xml.tag == "DLHDon"


def _linked(shown: Printed, number: int) -> Printed:
    """A QR that was not drawn before."""
    link = f"http://127.0.0.1:8000/hd/7K3MZ9QW2X{number:06d}"
    return Printed(invoice=shown.invoice, xml=shown.xml, lookup_code=link[-16:], lookup_url=link)


def _by_signxml(invoice: einvoice.Invoice, signer: keys.KeySigner | keys.CurveSigner,
                method: str) -> bytes:  # fmt: skip
    """The same invoice written by us and signed by signxml: one reference, no signing time."""
    root = etree.fromstring(document.write(invoice))
    holder = etree.SubElement(root.find("DSCKS"), "NBan")
    etree.SubElement(holder, f"{{{seal.DSIG}}}Signature", Id="placeholder")
    maker = XMLSigner(
        signature_algorithm=method, c14n_algorithm=CanonicalizationMethod.CANONICAL_XML_1_0
    )
    signed = maker.sign(
        root, key=signer.key, cert=[signer.certificate], reference_uri=f"#{invoice.data_id}",
        id_attribute="Id",
    )  # fmt: skip
    return etree.tostring(signed)


_SIGNXML = SignatureConfiguration(location=".//")


def _verified_by_signxml(xml: bytes, signer: keys.KeySigner):
    return XMLVerifier().verify(
        xml, x509_cert=signer.certificate, id_attribute="Id", expect_config=_SIGNXML
    )


def turns(acts: dict[str, Act], repetition: int, seconds: float) -> list[Turn]:
    """Every cell for `seconds` of processor time, in slices, in turn."""
    counts, spent = dict.fromkeys(acts, 0), dict.fromkeys(acts, 0.0)
    for act in acts.values():
        act(0)
    while min(spent.values()) < seconds:
        for name, act in acts.items():
            if spent[name] >= seconds:
                continue
            began = time.process_time()
            while (now := time.process_time()) - began < SLICE_S:
                act(counts[name])
                counts[name] += 1
            spent[name] += now - began
    return [
        Turn(name, repetition, counts[name] * IN_AN_ACT.get(name, 1), spent[name]) for name in acts
    ]


# ── The day's end ───────────────────────────────────────────────────────────────────────────────


def batch(invoice_count: int) -> Batch:
    """Build, sign and pack that many invoices into signed messages 206, keeping none of them."""
    signer, began = rsa_signer(), time.monotonic()
    info = b"x" * 1_300
    raw_s, raw_count, first_mb, message_count = 0.0, 0, 0.0, 0
    spent = -time.process_time()
    for number, package in enumerate(_packages(invoice_count, signer), 1):
        _message(package, signer, number)
        message_count = number
        first_mb = first_mb or _memory_mb()
        spent += time.process_time()
        raw = time.process_time()
        for _ in range(RAW_COUNT):
            signer.sign(info)
        raw_s, raw_count = raw_s + time.process_time() - raw, raw_count + RAW_COUNT
        spent -= time.process_time()
    spent += time.process_time()
    return Batch(
        invoices=invoice_count,
        messages=message_count,
        cpu_s=spent,
        raw_per_s=raw_count / raw_s,
        grown_mb=_memory_mb() - first_mb,
        seconds=time.monotonic() - began,
    )


def _packages(invoice_count: int, signer: keys.Signer) -> Iterator[list[bytes]]:
    package: list[bytes] = []
    size = 0
    for first in range(1, invoice_count + 1, TOGETHER):
        numbers = range(first, min(first + TOGETHER, invoice_count + 1))
        for xml in seal.write_signed_all(map(basket, numbers), signer, NOW):
            if size + len(xml) > BYTES_MAX - MESSAGE_ROOM:
                yield package
                package, size = [], 0
            package.append(xml)
            size += len(xml)
    if package:
        yield package


def _message(package: list[bytes], signer: keys.Signer, number: int) -> bytes:
    header = envelope.Header(
        version="2.1.0", sender=PARTNER, receiver=AUTHORITY, kind=envelope.CASH_REGISTER_INVOICES,
        code=message_code(PARTNER, UUID(int=number)), refers_to="", tax_id=TAX_ID,
        count=len(package),
    )  # fmt: skip
    return envelope.invoices_message(header, package, signer, NOW)


def _memory_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
