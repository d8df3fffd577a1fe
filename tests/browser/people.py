"""Who visits the market in the browser tests, and what every screen is held to."""

import hashlib
import hmac
import itertools
import json
import shutil
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, BrowserContext, Page

PHONE = {"width": 360, "height": 640}
DESK = {"width": 1280, "height": 800}
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
]
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]

SPEECH = """
window.spoken = [];
const silent = { getVoices: () => [], cancel() {}, speak(words) {
  window.spoken.push(words.text);
  words.onstart?.(); setTimeout(() => words.onend?.(), 5);
} };
Object.defineProperty(window, "speechSynthesis", { value: silent });
"""
"""Headless Chromium has no voices: what would be said is written down instead."""


_numbers = itertools.count(int(time.time()) * 1000)


@dataclass(frozen=True)
class Market:
    """An open market and who is who in it."""

    url: str
    facts: dict[str, str]

    @property
    def stall_id(self) -> str:
        return self.facts["stall_id"]

    @property
    def till(self) -> str:
        return f"/ban-hang/{self.stall_id}"

    async def transfer(
        self, memo: str, amount_vnd: int, direction: str = "in", number: int | None = None
    ) -> None:
        """A shopper's transfer reaches the vendor's account ("out": the vendor's own leaves it):
        the bank's signed notice of it. `number`: told before under it.
        """
        number = number or next(_numbers)
        at = datetime.fromtimestamp(time.time(), UTC) + timedelta(hours=7)
        body = json.dumps(
            {
                "id": number,
                "gateway": self.facts["bank"],
                "transactionDate": f"{at:%Y-%m-%d %H:%M:%S}",
                "accountNumber": self.facts["account_no"],
                "content": f"NGUYEN VAN A {memo} chuyen tien",
                "transferType": direction,
                "transferAmount": amount_vnd,
                "referenceCode": f"FT{number}",
            }
        ).encode()
        stamp = str(int(time.time()))
        secret = self.facts["sepay_secret"].encode()
        digest = hmac.new(secret, f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
        headers = {
            "content-type": "application/json",
            "x-sepay-signature": f"sha256={digest}",
            "x-sepay-timestamp": stamp,
        }
        async with httpx.AsyncClient(trust_env=False, timeout=10) as bank:
            answer = await bank.post(f"{self.url}/hooks/sepay", content=body, headers=headers)
        assert answer.status_code == 200, answer.text


@dataclass
class Watch:
    """What a page complained about; a test may name complaints it provokes."""

    complaints: list[str] = field(default_factory=list)
    expected: tuple[str, ...] = ()
    is_off: bool = False

    def on(self, page: Page) -> None:
        page.on("console", lambda said: self._note(said.type, said.text))
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))

    def _note(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"} and not self.is_off:
            self.complaints.append(f"{kind}: {text}")

    def unexpected(self) -> list[str]:
        return [one for one in self.complaints if not any(word in one for word in self.expected)]


@dataclass
class Visitor:
    """One person's browser on the market."""

    market: Market
    context: BrowserContext
    page: Page
    watch: Watch

    async def go(self, path: str) -> Page:
        await self.page.goto(self.market.url + path)
        return self.page

    async def be(self, person_id: str, path: str) -> Page:
        """Sign in by the demo's link and stand on `path`."""
        return await self.go(f"/demo/la/{person_id}?tiep={quote(path)}")

    async def be_vendor(self, path: str = "") -> Page:
        """The vendor of the busy stall, at its till."""
        return await self.be(self.market.facts["vendor_person_id"], self.market.till + path)

    async def barriers(self) -> list[str]:
        """What axe finds against WCAG 2.2 AA, and what is cut off at the side, on this page.

        What only lies behind the bar at the bottom until one scrolls is no barrier.
        """
        await self.page.wait_for_load_state("load")
        await self.page.evaluate("document.fonts.ready.then(() => true)")
        said = await self._violations()
        if said:
            await self.page.evaluate("scrollTo(0, document.body.scrollHeight)")
            later = await self._violations()
            await self.page.evaluate("scrollTo(0, 0)")
            said = [one for one in said if not one.startswith("target-size") or one in later]
        wide = await self.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        return [*said, *([f"{wide} px wider than the screen"] if wide > 0 else [])]

    async def _violations(self) -> list[str]:
        self.watch.is_off = True  # axe itself sets styles, which the policy of the page refuses
        found = await Axe().run(
            self.page,
            options={"runOnly": {"type": "tag", "values": WCAG}, "resultTypes": ["violations"]},
        )
        self.watch.is_off = False
        return [
            f"{one['id']}: {one['help']}: {[node['html'][:160] for node in one['nodes'][:3]]}"
            for one in found.response["violations"]
        ]


class Visitors:
    """Opens browsers of several people; each is watched for complaints."""

    def __init__(self, browser: Browser, market: Market) -> None:
        self.browser, self.market = browser, market
        self.opened: list[Visitor] = []

    async def new(self, *, size: dict[str, int] = PHONE, theme: Any = "light") -> Visitor:
        context = await self.browser.new_context(
            viewport=size, color_scheme=theme, locale="vi-VN", reduced_motion="reduce"
        )
        await context.add_init_script(SPEECH)
        page = await context.new_page()
        watch = Watch()
        watch.on(page)
        visitor = Visitor(self.market, context, page, watch)
        self.opened.append(visitor)
        return visitor
