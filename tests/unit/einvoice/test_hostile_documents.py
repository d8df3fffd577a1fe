"""Documents made to hurt: refused in words, quickly, in flat memory."""

import re
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import pytest

from einvoice import document, inspection, markup, seal
from einvoice.errors import DocumentInvalid, SealInvalid
from tests.unit.einvoice.conftest import NOW, food_stall_invoice

ROOT = Path(__file__).parents[3]
BOMB = (
    '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(10))
    + "]><HDon>&k;</HDon>"
)
HOSTILE = {
    "bomb": BOMB.encode(),
    "quadratic": ('<!DOCTYPE a [<!ENTITY a "' + "x" * 50_000 + '">]><HDon>' + "&a;" * 30_000 + "</HDon>").encode(),
    "external file": b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><HDon>&x;</HDon>',
    "external address": b'<!DOCTYPE a SYSTEM "http://127.0.0.1:1/x.dtd"><HDon/>',
    "parameter entity": b'<!DOCTYPE a [<!ENTITY % x SYSTEM "file:///etc/passwd"> %x;]><HDon/>',
    "dtd in another case": b"<!doctype a><HDon/>",
    "dtd in utf-7": b'<?xml version="1.0" encoding="UTF-7"?>+ADwAIQ-DOCTYPE a><HDon/>',
    "utf-16": '<?xml version="1.0" encoding="UTF-16"?><HDon/>'.encode("utf-16"),
    "utf-32": "<HDon/>".encode("utf-32"),
    "ebcdic": '<?xml version="1.0" encoding="cp037"?><HDon/>'.encode("cp037"),
    "tcvn declared": b'<?xml version="1.0" encoding="windows-1258"?><HDon/>',
    "broken utf-8": b"<HDon>\xc3\x28</HDon>",
    "overlong utf-8": b"<HDon>\xc0\xbc</HDon>",
    "surrogate": b"<HDon>\xed\xa0\x80</HDon>",
    "nul": b"<HDon>\x00</HDon>",
    "deep": b"<a>" * 300_000,
    "long name": b"<" + b"a" * 1_900_000 + b"/>",
    "unclosed": b"<HDon><DLHDon>",
    "two roots": b"<HDon/><HDon/>",
    "include": b'<HDon xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="/etc/passwd"/></HDon>',
    "50 MB": b"<HDon>" + b"x" * 50_000_000 + b"</HDon>",
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_it_is_told_to_be_wrong_and_nothing_is_raised(name):
    assert not inspection.inspect(HOSTILE[name], now=NOW).is_right


@pytest.mark.parametrize("name", [name for name in HOSTILE if name != "include"])
def test_the_reader_refuses_it(name):
    with pytest.raises(DocumentInvalid):
        markup.parsed(HOSTILE[name])


def test_an_include_is_kept_as_text_and_never_followed():
    root = markup.parsed(HOSTILE["include"])

    assert root[0].text is None


@pytest.mark.parametrize("content", [b"<a/>", b"<a>x</a>"])
def test_a_message_full_of_tiny_tags_costs_bounded_memory(content):
    """In a process of its own, so that its peak is its own: 2 MB of tags in under 600 MB."""
    program = (
        "import resource, sys; from einvoice import inspection;"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss;"
        "body = b'<HDon>' + sys.argv[1].encode() * (1_990_000 // len(sys.argv[1])) + b'</HDon>';"
        "report = inspection.inspect(body);"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, report.is_right)"
    )

    done = subprocess.run([sys.executable, "-c", program, content.decode()], cwd=ROOT, check=True,
                          capture_output=True, text=True, timeout=120)  # fmt: skip
    grown_kb, is_right = done.stdout.split()

    assert is_right == "False"
    assert int(grown_kb) < 600_000


def test_a_giant_file_costs_its_own_size_and_no_more():
    """50 MB are refused by their size, before any parser sees them."""
    tracemalloc.start()
    body = HOSTILE["50 MB"]

    report = inspection.inspect(body, now=NOW)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert report.codes() == ["structure.unreadable"]
    assert peak < 1_000_000


# ── Signed documents made to keep us busy ───────────────────────────────────────────────────────


def hostile_seals(signer) -> dict[str, bytes]:
    """Each would cost seconds, or break a library, if it were worked through."""
    xml = seal.write_signed(food_stall_invoice(), signer, NOW)
    long = document.write(food_stall_invoice()).replace(b"<THDon>", b"<THDon>" + b"x" * 1_000_000)
    large = seal.sign(long, seal.SELLER, signer, NOW)
    reference = re.search(rb'<Reference URI="#HD.*?</Reference>', large)[0]
    certificate = re.search(rb"<X509Certificate>.*?</X509Certificate>", xml)[0]
    spaces = b" ".join(b'xmlns:a%d="urn:%d"' % (n, n) for n in range(50_000))
    return {
        "1,500 references to a megabyte": large.replace(reference, reference * 1_500),
        "1,200 certificates": xml.replace(certificate, certificate * 1_200),
        "50,000 namespaces": xml.replace(b"<HDon>", b"<HDon " + spaces + b">"),
        "a relative namespace": xml.replace(b"<HDon>", b'<HDon xmlns:a="u">'),
        "a value of a megabyte": re.sub(
            rb"(<SignatureValue>)[^<]*", rb"\g<1>" + b"A" * 1_000_000, xml
        ),
    }


@pytest.mark.parametrize("number", range(5))
def test_a_seal_made_to_keep_us_busy_is_refused_at_once(signer, number):
    body = list(hostile_seals(signer).values())[number]
    began = time.process_time()

    with pytest.raises((DocumentInvalid, SealInvalid)):
        seal.verify(body, seal.SELLER)
    report = inspection.inspect(body, now=NOW)

    assert not report.is_right
    assert time.process_time() - began < 2


def test_attributes_on_the_root_are_not_right(signer):
    xml = seal.write_signed(food_stall_invoice(), signer, NOW)
    report = inspection.inspect(xml.replace(b"<HDon>", b'<HDon la="1">'), now=NOW)

    assert [one.where for one in report.remarks() if one.code == "structure.attribute"] == ["HDon"]


def test_a_thousand_sound_signatures_are_no_flood(signer):
    """A full message: every invoice in it declares the namespace of its signature."""
    xml = seal.write_signed(food_stall_invoice(), signer, NOW)
    body = b"<TDiep>" + xml * (markup.BYTES_MAX // len(xml) - 1) + b"</TDiep>"

    assert len(markup.parsed(body)) > 400
