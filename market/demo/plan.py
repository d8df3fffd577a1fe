"""What the demo's world consists of, decided from a seed alone (pure).

Halls, old-ward areas and lines of goods are real; people, accounts and stall numbers are made up.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from market.demo.names import bank_name, full_name


@dataclass(frozen=True)
class HallSite:
    """A hall or street of the demo: what it is called and where it lies."""

    name: str
    kind: str
    grade: int | None
    unit_code: str
    area_code: str
    """The old ward; its code is of before 1 July 2025."""
    address: str
    latitude: Decimal
    longitude: Decimal
    stall_count: int
    zones: tuple[tuple[str, str, tuple[str, ...]], ...]
    """Letter, name, lines of goods."""


FRESH = ("A", "Khu rau củ, trái cây", ("rau củ", "rau củ", "trái cây"))
MEAT = ("B", "Khu thịt, cá", ("thịt lợn", "thịt bò", "gia cầm - trứng", "cá - thủy sản"))
DRY = ("C", "Khu hàng khô", ("gia vị - hàng khô", "hải sản khô", "gạo", "tạp hóa"))
COOKED = ("D", "Khu ăn uống", ("đậu phụ - bún", "ăn sáng", "giò chả - nem"))
CLOTH = ("E", "Khu vải vóc, gia dụng", ("quần áo", "giày dép", "đồ gia dụng"))
SPECIAL = ("G", "Khu đặc sản, đồ lễ", ("đặc sản/OCOP", "hoa - đồ lễ"))
SHOPS = ("P", "Mặt phố", ("quần áo", "ăn sáng", "tạp hóa", "sửa chữa", "đặc sản/OCOP", "giày dép"))

SITES: tuple[HallSite, ...] = (
    HallSite(
        "Chợ Điện Biên", "hall", 2, "14797", "14767", "Phường Hạc Thành, Thanh Hóa",
        Decimal("19.80420"), Decimal("105.78030"), 22, (FRESH, MEAT, DRY, COOKED, CLOTH, SPECIAL),
    ),
    HallSite(
        "Chợ Vườn Hoa", "hall", 1, "14797", "14773", "Phường Hạc Thành, Thanh Hóa",
        Decimal("19.80830"), Decimal("105.78350"), 20, (FRESH, MEAT, DRY, CLOTH, SPECIAL),
    ),
    HallSite(
        "Chợ Tây Thành", "hall", 2, "14797", "14770", "Phường Hạc Thành, Thanh Hóa",
        Decimal("19.80760"), Decimal("105.76410"), 15, (FRESH, MEAT, DRY, COOKED),
    ),
    HallSite(
        "Chợ Đông Thành", "hall", 3, "14797", "14785", "Phường Hạc Thành, Thanh Hóa",
        Decimal("19.79850"), Decimal("105.78890"), 12, (FRESH, MEAT, COOKED),
    ),
    HallSite(
        "Chợ Đông Vệ", "hall", 3, "14797", "14782", "Phường Hạc Thành, Thanh Hóa",
        Decimal("19.78710"), Decimal("105.77640"), 9, (FRESH, MEAT, DRY),
    ),
    HallSite(
        "Chợ Quảng Thắng", "hall", 3, "16417", "14803", "Phường Đông Quang, Thanh Hóa",
        Decimal("19.78060"), Decimal("105.75080"), 7, (FRESH, MEAT),
    ),
    HallSite(
        "Chợ Quảng Thịnh", "hall", 3, "16522", "16441", "Phường Quảng Phú, Thanh Hóa",
        Decimal("19.76450"), Decimal("105.78220"), 6, (FRESH, MEAT),
    ),
    HallSite(
        "Tuyến phố Điện Biên", "street", None, "14797", "14767",
        "Phường Hạc Thành, Thanh Hóa", Decimal("19.80560"), Decimal("105.77890"), 8, (SHOPS,),
    ),
)  # fmt: skip
"""Coordinates are near enough for a dot on a map, not surveyed."""

BANKS = ("970436", "970405", "970418", "970415", "970422", "970407", "970423")
BANK_WEIGHTS = (5, 6, 4, 4, 4, 2, 1)
MEDIANS_VND = {
    "rau củ": 35_000, "trái cây": 55_000, "thịt lợn": 85_000, "thịt bò": 120_000,
    "gia cầm - trứng": 70_000, "cá - thủy sản": 80_000, "hải sản khô": 120_000,
    "gia vị - hàng khô": 60_000, "gạo": 110_000, "đậu phụ - bún": 25_000, "ăn sáng": 35_000,
    "giò chả - nem": 75_000, "tạp hóa": 50_000, "quần áo": 160_000, "giày dép": 140_000,
    "đồ gia dụng": 80_000, "hoa - đồ lễ": 50_000, "đặc sản/OCOP": 120_000, "sửa chữa": 60_000,
}  # fmt: skip
"""The median basket of a line of goods."""

VENDORLESS = 6
"""Stalls in the register whose vendor has not joined: for the onboarding walk."""
CODELESS = 6
"""Stalls of vendors who are known but have no code yet."""
UNUSED = 22
"""Stalls with a code that nobody has paid by: the honest gap between coverage and activation."""
PHONES = 100
"""0900 000 000 to 0900 000 099, kept for demonstrations."""


@dataclass(frozen=True)
class PersonPlan:
    """Somebody with a demo phone number."""

    id: UUID
    name: str
    phone: str


@dataclass(frozen=True)
class VendorPlan:
    """A household business and the account it receives money on."""

    id: UUID
    person: PersonPlan
    account_id: UUID
    bank_bin: str
    account_no: str
    holder_name: str


@dataclass(frozen=True)
class StallPlan:
    """One stall, who sells there, and how its days go."""

    id: UUID
    code: str
    zone: str
    trade: str
    vendor: VendorPlan | None
    stand_id: UUID | None
    """None: no code yet."""
    cashless_per_day: float
    cash_per_day: float
    records_cash: bool
    median_vnd: int
    invoice_mode: str


@dataclass(frozen=True)
class HallPlan:
    """A hall with its stalls."""

    id: UUID
    site: HallSite
    zone_ids: dict[str, UUID]
    stalls: tuple[StallPlan, ...]


@dataclass(frozen=True)
class WorldPlan:
    """Everything the demo begins with."""

    halls: tuple[HallPlan, ...]
    operator_id: UUID
    helper: PersonPlan
    operator: PersonPlan
    team: PersonPlan
    official: PersonPlan
    clerk: PersonPlan
    admin: PersonPlan
    second_clerk: PersonPlan
    """Who approves a session after the first one."""

    def stalls(self) -> tuple[StallPlan, ...]:
        """Every stall of every hall."""
        return tuple(stall for hall in self.halls for stall in hall.stalls)

    def vendors(self) -> tuple[VendorPlan, ...]:
        """Every vendor once, in the order of their first stall."""
        seen = {one.vendor.id: one.vendor for one in self.stalls() if one.vendor is not None}
        return tuple(seen.values())


class Dealer:
    """Deals ids and phone numbers from a seed: the same seed, the same world."""

    def __init__(self, seed: int, at: datetime) -> None:
        self.rng = random.Random(seed)  # noqa: S311 - a repeatable demo, no secret
        self._ms = int(at.timestamp() * 1000)
        self._phones = iter(range(PHONES))

    def id(self, at: datetime | None = None) -> UUID:
        """A UUIDv7 of the world's instant, or of another one."""
        ms = self._ms if at is None else int(at.timestamp() * 1000)
        value = ms << 80 | self.rng.getrandbits(80)
        value = value & ~(0xF << 76) | 0x7 << 76
        return UUID(int=value & ~(0x3 << 62) | 0x2 << 62)

    def person(self, name: str = "") -> PersonPlan:
        """Somebody new, with the next demo number."""
        number = next(self._phones)
        return PersonPlan(self.id(), name or full_name(self.rng), f"+84900000{number:03d}")

    def vendor(self) -> VendorPlan:
        """A household business with an account of its own."""
        person = self.person()
        bank = self.rng.choices(BANKS, BANK_WEIGHTS)[0]
        account = f"{self.rng.randrange(10**9, 10**10)}"
        return VendorPlan(self.id(), person, self.id(), bank, account, bank_name(person.name))


def world_plan(seed: int, at: datetime) -> WorldPlan:
    """The world of a seed, begun at an instant."""
    dealer = Dealer(seed, at)
    staff = [
        dealer.person(name)
        for name in (
            "Lê Thị Nhung", "Hoàng Văn Thắng", "Trịnh Thị Hiền", "Nguyễn Đình Khôi",
            "Phạm Thị Thanh Hà", "Vũ Ngọc Sơn",
        )
    ]  # fmt: skip
    plans = _stall_plans(dealer)
    return WorldPlan(
        halls=_halls(dealer, plans),
        operator_id=dealer.id(),
        helper=staff[0],
        operator=staff[1],
        team=staff[2],
        official=staff[3],
        clerk=staff[4],
        admin=staff[5],
        second_clerk=dealer.person("Đỗ Minh Châu"),
    )


def _halls(dealer: Dealer, plans: Sequence[Sequence[StallPlan]]) -> tuple[HallPlan, ...]:
    return tuple(
        HallPlan(
            dealer.id(), site, {letter: dealer.id() for letter, _, _ in site.zones}, tuple(stalls)
        )
        for site, stalls in zip(SITES, plans, strict=True)
    )


def _stall_plans(dealer: Dealer) -> list[list[StallPlan]]:
    kinds = _kinds(dealer.rng)
    found: list[list[StallPlan]] = []
    previous: VendorPlan | None = None
    for site in SITES:
        stalls: list[StallPlan] = []
        counts: dict[str, int] = {}
        for index in range(site.stall_count):
            letter, _, trades = site.zones[index * len(site.zones) // site.stall_count]
            counts[letter] = counts.get(letter, 0) + 1
            kind = kinds.pop()
            shares = kind == "used" and index % 20 == 7
            vendor = None
            if kind != "vendorless":
                vendor = previous if shares and previous is not None else dealer.vendor()
            trade = trades[(counts[letter] - 1) % len(trades)]
            stalls.append(
                _stall(dealer, f"{letter}{counts[letter]:02d}", letter, trade, vendor, kind)
            )
            previous = vendor if kind == "used" else previous
        found.append(stalls)
    return found


def _kinds(rng: random.Random) -> list[str]:
    """What each stall is, mixed over all halls; the first one dealt out is a used one."""
    total = sum(site.stall_count for site in SITES)
    rare = ["vendorless"] * VENDORLESS + ["codeless"] * CODELESS + ["unused"] * UNUSED
    kinds = rare + ["used"] * (total - len(rare))
    rng.shuffle(kinds)
    first = kinds.index("used")
    kinds[first], kinds[-1] = kinds[-1], kinds[first]
    return kinds


def _stall(
    dealer: Dealer, code: str, zone: str, trade: str, vendor: VendorPlan | None, kind: str
) -> StallPlan:
    rng = dealer.rng
    busy = rng.lognormvariate(0, 0.45)
    cashless = 6.0 * busy if kind == "used" else 0.0
    share = rng.uniform(0.38, 0.62)
    cash = cashless / share - cashless if kind == "used" else 6 * busy
    records = vendor is not None and rng.random() < 0.72
    return StallPlan(
        id=dealer.id(),
        code=code,
        zone=zone,
        trade=trade,
        vendor=vendor,
        stand_id=dealer.id() if kind in {"used", "unused"} else None,
        cashless_per_day=cashless,
        cash_per_day=cash if vendor is not None else 0.0,
        records_cash=records,
        median_vnd=MEDIANS_VND[trade],
        invoice_mode="each_sale" if trade in {"đặc sản/OCOP", "tạp hóa"} else "on_request",
    )
