"""The observed profile of signatures: algorithms, and the places where signatures stand. Pure."""

import re
from dataclasses import dataclass
from datetime import timedelta, timezone

VIETNAM = timezone(timedelta(hours=7))
"""Times in the format carry no zone and mean this one."""
DSIG = "http://www.w3.org/2000/09/xmldsig#"
C14N = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
ENVELOPED = f"{DSIG}enveloped-signature"
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
ECDSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"
"""Not seen in the authority's documents: read only where asked to."""
RSA_SHA1 = f"{DSIG}rsa-sha1"
SHA1 = f"{DSIG}sha1"
"""Both only in archives: read where asked to, never written."""
NS = f"{{{DSIG}}}"
XML_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
KEY_BITS_MIN = 2048


@dataclass(frozen=True)
class Place:
    """Where a signature stands and what it signs, as paths from the root."""

    holder: str
    """The element around the signature, e.g. DSCKS/NBan."""
    data: tuple[str, ...]
    """The elements it must cover, e.g. DLHDon."""


SELLER = Place("DSCKS/NBan", ("DLHDon",))
BUYER = Place("DSCKS/NMua", ("DLHDon",))
AUTHORITY_ON_INVOICE = Place("DSCKS/CQT", ("DLHDon", "MCCQT"))
TAXPAYER = Place("DSCKS/NNT", ("DLTKhai",))
AUTHORITY_ON_NOTICE = Place("DSCKS/CQT", ("DLTBao",))
MESSAGE = Place("CKSNNT", ("DLieu",))
