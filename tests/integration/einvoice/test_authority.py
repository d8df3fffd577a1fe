"""One contract for every road to the tax authority: our HTTP shape, and a provider's SOAP service."""

import base64
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
import pytest
from lxml import etree

import einvoice
from einvoice import envelope, findings
from einvoice.errors import AuthorityUnavailable
from einvoice.soap import SOAP
from market import clock, ids
from market.settings import Settings, SettingsError
from market.simulators.tax import TaxConfig, create_app
from market.tax_road import authority_of
from tests.integration.einvoice.conftest import OWNER_ID, SENDER, TAX_ID, command, seller, signer_of
from tests.integration.simulators.conftest import http_server

SHAPE = einvoice.Shape(
    namespace="urn:tvan:vi-du", credentials={"TaiKhoan": "cho", "MatKhau": "&bí mật"}
)
NS = f"{{{SHAPE.namespace}}}"


@dataclass
class Road:
    """A road to the stand-in authority, and the stand-in's own control."""

    authority: einvoice.TaxAuthority
    control: httpx.AsyncClient


class Provider:
    """A local T-VAN: SOAP outside, the stand-in authority inside."""

    def __init__(self, inner: httpx.AsyncClient) -> None:
        self._inner = inner
        self.answer_with: bytes | None = None
        self.seen: list[dict[str, str]] = []

    async def answer(self, request) -> httpx.Response:
        if self.answer_with is not None:
            return httpx.Response(200, content=self.answer_with)
        body = request.body
        if request.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        call = etree.fromstring(body).find(f"{{{SOAP}}}Body")[0]
        said = {one.tag.removeprefix(NS): one.text or "" for one in call}
        self.seen.append(said)
        if call.tag == f"{NS}{SHAPE.send}":
            inner = await self._inner.post("/messages", content=base64.b64decode(said["DuLieu"]))
            parts = f"<DuLieu>{base64.b64encode(inner.content).decode()}</DuLieu>"
        else:
            inner = await self._inner.get("/replies", params={"after": said["SauViTri"]})
            parts = "".join(
                f"<ThongDiep><ViTri>{one['position']}</ViTri><DuLieu>{one['xml']}</DuLieu></ThongDiep>"
                for one in (inner.json()["replies"] if inner.status_code == 200 else ())
            )
        if inner.status_code >= 300:
            return httpx.Response(500, content=fault("Hệ thống đang bảo trì"))
        return httpx.Response(
            200, content=soap(f'<{call.tag.removeprefix(NS)}Response xmlns="{SHAPE.namespace}">{parts}'
                              f"</{call.tag.removeprefix(NS)}Response>")
        )  # fmt: skip


def soap(inner: str) -> bytes:
    return f'<s:Envelope xmlns:s="{SOAP}"><s:Body>{inner}</s:Body></s:Envelope>'.encode()


def fault(text: str) -> bytes:
    return soap(
        "<s:Fault><s:Code><s:Value>s:Receiver</s:Value></s:Code>"
        f"<s:Reason><s:Text>{text}</s:Text></s:Reason></s:Fault>"
    )


@asynccontextmanager
async def over_http(inner: httpx.AsyncClient) -> AsyncIterator[Road]:
    yield Road(einvoice.HTTPAuthority(inner, "http://tax.test"), inner)


@asynccontextmanager
async def over_soap(inner: httpx.AsyncClient) -> AsyncIterator[Road]:
    provider = Provider(inner)
    async with http_server(provider.answer) as url, httpx.AsyncClient() as client:
        yield Road(einvoice.SOAPAuthority(client, url, SHAPE), inner)


@pytest.fixture(params=[over_http, over_soap], ids=["http", "soap"])
def travel(request, tmp_path):
    """Opens the road under test to a fresh stand-in."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Road]:
        app = create_app(TaxConfig(tmp_path / "tax.sqlite", delay_s=0))
        transport = httpx.ASGITransport(app)
        async with (
            app.lifespan(),
            httpx.AsyncClient(transport=transport, base_url="http://tax.test") as inner,
            request.param(inner) as road,
        ):
            yield road

    return opened


async def message(db) -> bytes:
    """A registration, signed and pending; its bytes."""
    now = clock.now()
    form = einvoice.Registration(
        seller=seller(), office_name="Thuế", office_code="38101", contact="Bà Ví Dụ",
        place="Thanh Hóa", on=clock.local_day(now),
    )  # fmt: skip
    given = {"sender": SENDER, "signer": signer_of(TAX_ID), "now": now}
    await einvoice.register(db, OWNER_ID, form, message_id=ids.new(), **given)
    return (await einvoice.claim_pending(db, 1, now))[0].body


# ── The contract ────────────────────────────────────────────────────────────────────────────────


async def test_a_message_arrives_as_it_is_and_is_answered(travel, db):
    body = await message(db)
    async with travel() as road:
        immediate = await road.authority.send(body)
        replies = await road.authority.replies(0)

    said = envelope.read_message(immediate).header
    kinds = [envelope.read_message(one.body).header.kind for one in replies]
    assert (said.kind, said.refers_to) == (999, envelope.read_message(body).header.code)
    assert findings.finding_in(envelope.read_message(replies[-1].body)).accepted is True
    assert kinds == [102, 103]


async def test_the_same_bytes_again_have_the_same_answer(travel, db):
    body = await message(db)
    async with travel() as road:
        answers = [await road.authority.send(body) for _ in range(2)]

    assert answers[0] == answers[1]


async def test_replies_come_in_order_after_a_position_and_end(travel, db):
    body = await message(db)
    async with travel() as road:
        await road.authority.send(body)
        both = await road.authority.replies(0)
        second = await road.authority.replies(both[0].position)
        none = await road.authority.replies(both[-1].position)

    assert both[0].position < both[1].position
    assert second == both[1:]
    assert none == []


async def test_a_receipt_that_comes_later_is_none(travel, db):
    body = await message(db)
    async with travel() as road:
        await road.control.post("/control", json={"silent": {"next": 1}})

        assert await road.authority.send(body) is None


async def test_an_authority_that_is_down_is_unavailable(travel, db):
    body = await message(db)
    async with travel() as road:
        await road.control.post("/control", json={"down": 1})

        with pytest.raises(AuthorityUnavailable):
            await road.authority.send(body)
        with pytest.raises(AuthorityUnavailable):
            await road.authority.replies(0)


async def test_what_cannot_be_a_message_is_refused_in_words(travel):
    async with travel() as road:
        answer = await road.authority.send(b"<!DOCTYPE x><TDiep/>")

    assert findings.finding_in(envelope.read_message(answer)).reasons[0].code == "K001"


# ── Of the SOAP service alone ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "answer",
    [
        b"", b"<html>502</html", fault("hết hạn"), soap(""), b"<!DOCTYPE a><a/>",
        soap(f'<R xmlns="{SHAPE.namespace}"><ThongDiep><ViTri>x</ViTri><DuLieu/></ThongDiep></R>'),
        soap(f'<R xmlns="{SHAPE.namespace}"><ThongDiep><ViTri>1</ViTri><DuLieu>*</DuLieu></ThongDiep></R>'),
    ],
)  # fmt: skip
async def test_an_answer_that_is_none_is_unavailable_or_empty(answer):
    provider = Provider(httpx.AsyncClient())
    provider.answer_with = answer
    async with http_server(provider.answer) as url, httpx.AsyncClient() as client:
        authority = einvoice.SOAPAuthority(client, url, SHAPE)

        if answer == soap(""):
            assert await authority.replies(0) == []
        else:
            with pytest.raises(AuthorityUnavailable):
                await authority.replies(0)


async def test_nobody_there_is_unavailable():
    async with httpx.AsyncClient() as client:
        with pytest.raises(AuthorityUnavailable):
            await einvoice.SOAPAuthority(client, "http://127.0.0.1:9", SHAPE).send(b"<TDiep/>")


async def test_credentials_stand_in_every_call_and_in_no_text_about_them(db):
    async with httpx.AsyncClient(
        transport=httpx.MockTransport(lambda _: httpx.Response(503))
    ) as inner:
        inner.base_url = "http://tax.test"
        provider = Provider(inner)
        async with http_server(provider.answer) as url, httpx.AsyncClient() as client:
            with pytest.raises(AuthorityUnavailable, match="bảo trì"):
                await einvoice.SOAPAuthority(client, url, SHAPE).send(b"<TDiep/>")

    assert provider.seen[0]["MatKhau"] == "&bí mật"
    assert "bí mật" not in repr(SHAPE)


# ── Chosen by configuration ─────────────────────────────────────────────────────────────────────


async def test_the_road_is_chosen_by_the_url_and_named_by_a_file(tmp_path, monkeypatch):
    (tmp_path / "tvan.toml").write_text(
        'namespace = "urn:x"\nsend = "Send"\n[credentials]\nToken = "env:TVAN_TOKEN"\n'
    )
    monkeypatch.setenv("TVAN_TOKEN", "t0ken")
    settings = Settings(data=tmp_path, tax_url="soap+https://tvan.test/ws")

    async with httpx.AsyncClient() as http:
        chosen = authority_of(settings, http)
        plain = authority_of(Settings(data=tmp_path), http)

    assert isinstance(chosen, einvoice.SOAPAuthority)
    assert isinstance(plain, einvoice.HTTPAuthority)


@pytest.mark.parametrize(
    "text", ["", "namespace = 1", 'namespace = "a"\nSend = "b"', "=", 'send = "a"']
)
async def test_a_file_that_says_too_little_or_nonsense_is_told_by_name(tmp_path, text):
    (tmp_path / "tvan.toml").write_text(text)
    settings = Settings(data=tmp_path, tax_url="soap+https://tvan.test/ws")

    async with httpx.AsyncClient() as http:
        with pytest.raises(SettingsError, match=r"tvan\.toml"):
            authority_of(settings, http)


async def test_an_invoice_goes_the_whole_soap_road(tmp_path, db):
    app = create_app(TaxConfig(tmp_path / "tax.sqlite", delay_s=0))
    transport = httpx.ASGITransport(app)
    async with (
        app.lifespan(),
        httpx.AsyncClient(transport=transport, base_url="http://tax.test") as inner,
        over_soap(inner) as road,
    ):
        await road.authority.send(await message(db))
        for _ in range(2):
            replies = await road.authority.replies(await einvoice.pulled_to(db, "t"))
            await einvoice.record_replies(db, replies, source="t", now=clock.now())
        now = clock.now()
        issued = await einvoice.issue(db, command(issued_at=now), now=now)
        given = {"signer": signer_of(TAX_ID), "sender": SENDER, "new_id": ids.new, "now": now}
        await einvoice.prepare(db, TAX_ID, **given)
        for one in await einvoice.claim_pending(db, 10, now):
            await road.authority.send(one.body)
        replies = await road.authority.replies(await einvoice.pulled_to(db, "t"))
        await einvoice.record_replies(db, replies, source="t", now=clock.now())

    assert (await einvoice.invoice_by_id(db, issued.id)).state == "accepted"
