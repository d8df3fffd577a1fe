"""XML as the tax authority wants it: safe parsing, plain writing, inclusive C14N. Pure."""

import re

from lxml import etree

from einvoice.errors import DocumentInvalid

BYTES_MAX = 2_000_000
"""One message. Source: QĐ 1450/QĐ-TCT, part II."""
NAMESPACES_MAX = 5_000
"""A signature declares one; parsing tens of thousands on one element takes seconds."""
Element = etree._Element


class Canonical(bytes):
    """One element that is its own canonical form: only who has proven that makes one of these."""


XML_NAMESPACE = "{http://www.w3.org/XML/1998/namespace}"
is_special = re.compile("[&<>\"'\r]").search
"""Whether a text has anything to escape."""
_ESCAPES = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;", "\r": "&#13;"}
)
_FORBIDDEN = bytes(one for one in range(0x20) if one not in b"\t\n")


def parsed(document: bytes, bytes_max: int = BYTES_MAX) -> etree._Element:
    """The root of a document in UTF-8 without DTD, entities or processing instructions.

    Comments are dropped: they are outside inclusive C14N and must not part a text.
    Raises: DocumentInvalid.
    """
    if len(document) > bytes_max:
        raise DocumentInvalid(f"it has more bytes than the {bytes_max} allowed")
    if not document.strip():
        raise DocumentInvalid("it is empty")
    if b"<!DOCTYPE" in document or b"<!ENTITY" in document:
        raise DocumentInvalid("a DTD is not allowed")
    if document[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00" in document[:4]:
        raise DocumentInvalid("it is not UTF-8")
    limit_namespaces(document)
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True
    )
    try:
        root = etree.fromstring(document, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise DocumentInvalid(f"it is not well-formed XML ({error})") from error
    info = root.getroottree().docinfo
    if info.internalDTD is not None or (info.encoding or "UTF-8").upper() != "UTF-8":
        raise DocumentInvalid("a DTD or an encoding other than UTF-8 is not allowed")
    if next(root.iter(etree.ProcessingInstruction, etree.Entity), None) is not None:
        raise DocumentInvalid("a processing instruction or entity is not allowed")
    return root


def limit_namespaces(*parts: bytes) -> None:
    """Of parts that were not written here. Raises: DocumentInvalid."""
    found = sum(one.count(b"xmlns") for one in parts if not isinstance(one, Canonical))
    if found > max(NAMESPACES_MAX, sum(map(len, parts)) // 400):
        raise DocumentInvalid("it declares too many namespaces")


def tag(name: str, *parts: str, **attributes: str) -> str:
    """An element around markup that is ready; nothing at all if there is none."""
    inner = "".join(parts)
    listed = ""
    if attributes:
        listed = "".join(f' {key}="{escaped(value)}"' for key, value in attributes.items())
    return f"<{name}{listed}>{inner}</{name}>" if inner else ""


def text_tag(name: str, text: str) -> str:
    """An element around plain text; nothing if the text is empty."""
    return f"<{name}>{escaped(text)}</{name}>" if text else ""


def escaped(text: str) -> str:
    """Text with & < > " ' as entities."""
    return text.translate(_ESCAPES) if is_special(text) else text


def only(parent: etree._Element, name: str) -> etree._Element | None:
    """The single child of this name, or None. Raises: DocumentInvalid if there are two."""
    found = parent.findall(name)
    if len(found) > 1:
        raise DocumentInvalid(f"{parent.tag} has {name} twice")
    return found[0] if found else None


def needed(parent: etree._Element, path: str) -> etree._Element:
    """The single element at a path, each step single. Raises: DocumentInvalid if it is missing."""
    node = parent
    for name in path.split("/"):
        inner = only(node, name)
        if inner is None:
            raise DocumentInvalid(f"{node.tag}/{name} is missing")
        node = inner
    return node


def text_at(parent: etree._Element, path: str, default: str = "") -> str:
    """The text at a path, each step single; `default` if a step is missing.

    Raises: DocumentInvalid if a step stands twice.
    """
    node = parent
    for name in path.split("/"):
        inner = only(node, name)
        if inner is None:
            return default
        node = inner
    return text_of(node)


def text_of(node: etree._Element) -> str:
    """The text of a leaf. Raises: DocumentInvalid if it has elements inside."""
    if len(node):
        raise DocumentInvalid(f"{node.tag} has elements where text is expected")
    return (node.text or "").strip()


def canonical_text(markup: str) -> bytes | None:
    """The same for one element of our own writing, from its text; None where that is not certain.

    Our writing is canonical but for quotes and line ends in texts: no empty tags, no comments, one
    attribute at most, no namespace. Letters that XML forbids are left to a parser to refuse.
    """
    if "&" in markup:
        markup = markup.replace("&quot;", '"').replace("&apos;", "'").replace("&#13;", "&#xD;")
    content = markup.encode()
    if len(content.translate(None, _FORBIDDEN)) != len(content):
        return None
    if "\ufffe" in markup or "\uffff" in markup:
        return None
    return content


def canonical_part(part: bytes) -> bytes | None:
    """Inclusive C14N of one element that is to stand, verbatim, two steps inside a plain document.

    None where it is anything but one sound element: then only the whole document can tell.
    """
    if isinstance(part, Canonical):
        return part
    try:
        root = parsed(b"".join((b"<a><b>", part, b"</b></a>")), len(part) + 20)  # as deep as there
        around = root[0]
        if len(root) != 1 or len(around) != 1 or around.text or around[0].tail:
            return None
        return canonical(around[0])
    except DocumentInvalid:
        return None


def canonical(node: etree._Element) -> bytes:
    """Inclusive C14N 1.0 without comments of one element, with every namespace in scope.

    lxml writes wrong xmlns="" for an element inside a tree whose default namespace was declared
    further up; serialised and parsed again as a document of its own, it comes out right. What xml:
    attributes its ancestors have, e.g. xml:space, it inherits (C14N 1.0, section 2.4).
    Raises: DocumentInvalid.
    """
    inherited = {
        str(name): value
        for above in reversed(list(node.iterancestors()))
        for name, value in above.attrib.items()
        if str(name).startswith(XML_NAMESPACE)
    }
    try:
        if node.nsmap or inherited:
            node = etree.fromstring(etree.tostring(node, with_tail=False, encoding="UTF-8"))
        for name, value in inherited.items():
            node.set(name, node.get(name, value))
        return etree.tostring(
            node, method="c14n", exclusive=False, with_comments=False, with_tail=False
        )
    except (etree.C14NError, etree.XMLSyntaxError) as error:  # e.g. a relative namespace
        raise DocumentInvalid("it has no canonical form") from error
