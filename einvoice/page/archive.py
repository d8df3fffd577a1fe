"""The page as an archive file: PDF/A-3-shaped, with the original XML inside, byte for byte.

Shaped, not certified: output intent, XMP, embedded fonts and the associated file are as ISO 19005-3
(level B) asks, but no validator has judged it. The XML is the invoice; the page only shows it.
"""

import io
import zlib
from datetime import datetime, time
from functools import cache
from typing import Any

import pikepdf
from pikepdf import Array, Dictionary, Name, String
from PIL import ImageCms

from einvoice.errors import DocumentInvalid
from einvoice.invoice import Invoice
from einvoice.markup import BYTES_MAX, escaped
from einvoice.seal import VIETNAM

PDF_BYTES_MAX = 20_000_000
"""Of a file that is opened to take an XML out."""
ATTACHMENTS_MAX = 50
PRODUCER = "einvoice"
_XMP = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/" \
xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/" \
xmlns:pdf="http://ns.adobe.com/pdf/1.3/">
<pdfaid:part>3</pdfaid:part><pdfaid:conformance>B</pdfaid:conformance>
<dc:format>application/pdf</dc:format>
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">{title}</rdf:li></rdf:Alt></dc:title>
<dc:creator><rdf:Seq><rdf:li>{author}</rdf:li></rdf:Seq></dc:creator>
<xmp:CreateDate>{at}</xmp:CreateDate><xmp:ModifyDate>{at}</xmp:ModifyDate>
<pdf:Producer>{producer}</pdf:Producer>
</rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end="w"?>"""


def archived(page: bytes, xml: bytes, invoice: Invoice) -> bytes:
    """The page with its XML inside; the same bytes for the same page and XML."""
    at = datetime.combine(invoice.issued_on, time(), VIETNAM)
    with pikepdf.open(io.BytesIO(page)) as pdf:
        _describe(pdf, str(pdf.docinfo.get("/Title", "")), invoice.seller.name, at)
        _colours(pdf)
        _attach(pdf, xml, xml_name(invoice), invoice.title, at)
        return _saved(pdf)


def xml_name(invoice: Invoice) -> str:
    """What the XML is called inside the page, e.g. 2C26MAA-00000123.xml."""
    return f"{invoice.template}{invoice.symbol}-{invoice.number:08d}.xml"


def _saved(pdf: pikepdf.Pdf) -> bytes:
    stream = io.BytesIO()
    pdf.save(
        stream,
        min_version="1.7",
        deterministic_id=True,
        compress_streams=False,  # they are, but for the XMP, which must stay readable
        stream_decode_level=pikepdf.StreamDecodeLevel.none,
    )
    return stream.getvalue()


def _describe(pdf: pikepdf.Pdf, title: str, author: str, at: datetime) -> None:
    """What the file says of itself, the same in both places."""
    stamp = f"D:{at:%Y%m%d%H%M%S}+07'00'"
    info = Dictionary(
        Title=title, Author=author, Producer=PRODUCER, CreationDate=stamp, ModDate=stamp
    )
    pdf.trailer.Info = pdf.make_indirect(info)
    packet = _XMP.format(
        title=escaped(title), author=escaped(author), at=at.isoformat(), producer=PRODUCER
    )
    pdf.Root.Metadata = pdf.make_stream(
        packet.encode(), {"/Type": Name.Metadata, "/Subtype": Name.XML}
    )


def _colours(pdf: pikepdf.Pdf) -> None:
    """What its red, green and blue mean."""
    intent = Dictionary(
        Type=Name.OutputIntent,
        S=Name.GTS_PDFA1,
        OutputConditionIdentifier="sRGB IEC61966-2.1",
        Info="sRGB IEC61966-2.1",
        DestOutputProfile=pdf.make_stream(srgb(), {"/N": 3}),
    )
    pdf.Root.OutputIntents = Array([intent])


@cache
def srgb() -> bytes:
    """The colour profile. The day it was made on is no part of it: the file must not change."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return profile[:24] + bytes((0x07, 0xEA, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0)) + profile[36:]


def _attach(pdf: pikepdf.Pdf, xml: bytes, name: str, title: str, at: datetime) -> None:
    stamp = String(f"D:{at:%Y%m%d%H%M%S}+07'00'")
    file = pdf.make_indirect(
        pdf.make_stream(
            zlib.compress(xml),
            {
                "/Type": Name.EmbeddedFile,
                "/Subtype": Name("/text/xml"),
                "/Filter": Name.FlateDecode,
                "/Params": Dictionary(Size=len(xml), CreationDate=stamp, ModDate=stamp),
            },
        )
    )
    spec = pdf.make_indirect(
        Dictionary(
            Type=Name.Filespec,
            F=String(name),
            UF=String(name),
            Desc=String(title),
            AFRelationship=Name.Source,
            EF=Dictionary(F=file, UF=file),
        )
    )
    pdf.Root.AF = Array([spec])
    names = Dictionary(Names=Array([String(name), spec]))
    pdf.Root.Names = Dictionary(EmbeddedFiles=pdf.make_indirect(names))


# ── Taking it out again ─────────────────────────────────────────────────────────────────────────


def is_pdf(content: bytes) -> bool:
    """Whether this claims to be a PDF."""
    return b"%PDF-" in content[:1024]


def xml_in(content: bytes, bytes_max: int = BYTES_MAX) -> bytes:
    """The one XML inside a PDF, byte for byte; nothing larger than `bytes_max` is unpacked.

    Raises: DocumentInvalid where it is no PDF, is locked, or has not exactly one XML.
    """
    if len(content) > PDF_BYTES_MAX:
        raise DocumentInvalid(f"the PDF has more than {PDF_BYTES_MAX} bytes")
    try:
        with pikepdf.open(io.BytesIO(content)) as pdf:
            specs = [spec for spec in _file_specs(pdf) if _is_xml(spec)]
            if len(specs) != 1:
                raise DocumentInvalid(f"the PDF has {len(specs)} XML files inside, not one")
            return _unpacked(specs[0].EF.F, bytes_max)
    except pikepdf.PasswordError as error:
        raise DocumentInvalid("the PDF is locked by a password") from error
    except (pikepdf.PdfError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise DocumentInvalid("the PDF cannot be read") from error


def _file_specs(pdf: pikepdf.Pdf) -> list[Any]:
    found: list[Any] = list(pdf.attachments.values())[:ATTACHMENTS_MAX]
    return [spec.obj for spec in found]


def _is_xml(spec: Any) -> bool:
    name = str(spec.get("/UF", spec.get("/F", "")))
    kind = str(spec.EF.F.get("/Subtype", ""))
    return name.lower().endswith(".xml") or kind.lower() in {"/text/xml", "/application/xml"}


def _unpacked(stream: Any, bytes_max: int) -> bytes:
    packing = stream.get("/Filter")
    raw: bytes = stream.read_raw_bytes()
    if isinstance(packing, Array):
        packing = packing[0] if len(packing) == 1 else (packing if len(packing) else None)
    if packing is None:
        return raw
    if packing != Name.FlateDecode or stream.get("/DecodeParms") is not None:
        raise DocumentInvalid("the XML inside the PDF is packed in an unusual way")
    unpacker = zlib.decompressobj()
    try:
        plain = unpacker.decompress(raw, bytes_max + 1)
    except zlib.error as error:
        raise DocumentInvalid("the XML inside the PDF cannot be unpacked") from error
    if len(plain) > bytes_max:
        raise DocumentInvalid(f"the XML inside the PDF has more than {bytes_max} bytes")
    return plain
