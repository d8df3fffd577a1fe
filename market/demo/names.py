"""Believable Vietnamese names, as the demo's people carry them (pure)."""

import random
import unicodedata

FAMILY = (
    "Nguyễn", "Lê", "Trần", "Phạm", "Hoàng", "Trịnh", "Đỗ", "Bùi", "Mai", "Vũ", "Lưu", "Đặng",
    "Cao", "Ngô", "Hà", "Tống", "Dương", "Trương",
)  # fmt: skip
FAMILY_WEIGHTS = (24, 20, 9, 8, 6, 6, 4, 4, 3, 3, 2, 2, 2, 2, 2, 1, 1, 1)
WOMEN_MIDDLE = ("Thị", "Thị", "Thị", "Thị Thu", "Thị Bích", "Thị Ngọc", "Thị Minh")
WOMEN_GIVEN = (
    "Phượng", "Hoa", "Hạnh", "Lan", "Hương", "Thủy", "Nga", "Liên", "Nhàn", "Huệ", "Tâm", "Oanh",
    "Xuân", "Mận", "Thơm", "Luyến", "Yến", "Hằng", "Thảo", "Loan", "Sen", "Dung", "Thoa", "Bình",
)  # fmt: skip
MEN_MIDDLE = ("Văn", "Văn", "Xuân", "Đình", "Hữu", "Ngọc", "Quang")
MEN_GIVEN = ("Dũng", "Hùng", "Thắng", "Sơn", "Tuấn", "Cường", "Hải", "Minh", "Long", "Thành", "Đức")
WOMEN_SHARE = 0.85
"""Among vendors who register. Source: Báo Thanh Hóa, 25 July 2025."""


def full_name(rng: random.Random) -> str:
    """Family name, middle name, given name, in the Vietnamese order."""
    family = rng.choices(FAMILY, FAMILY_WEIGHTS)[0]
    if rng.random() < WOMEN_SHARE:
        return f"{family} {rng.choice(WOMEN_MIDDLE)} {rng.choice(WOMEN_GIVEN)}"
    return f"{family} {rng.choice(MEN_MIDDLE)} {rng.choice(MEN_GIVEN)}"


def bank_name(name: str) -> str:
    """As a bank says it: capitals without marks."""
    plain = unicodedata.normalize("NFD", name.replace("đ", "d").replace("Đ", "D"))
    return "".join(one for one in plain if not unicodedata.combining(one)).upper()
