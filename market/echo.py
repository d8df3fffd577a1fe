"""The live word and colour that both screens show once money is here. A screenshot cannot know it."""

import hashlib
from uuid import UUID

WORDS = (
    "hoa sen", "cá chép", "mặt trời", "cây tre", "con cò", "trăng rằm", "nón lá", "hoa đào",
    "quả na", "con trâu", "bông lúa", "cầu vồng", "chim én", "hoa mai", "con thuyền", "ngôi sao",
    "quả bưởi", "con rồng", "trống đồng", "hoa cúc", "con ong", "giọt sương", "đèn lồng",
    "cánh diều", "con nghé", "hoa gạo", "quả thị", "con sáo", "giếng làng", "cây đa", "mái đình",
    "con gà", "hạt gạo", "dòng sông", "núi Nưa", "biển xanh", "hoa bưởi", "con voi", "cái nơm",
    "tiếng sáo",
)  # fmt: skip
"""Short, known to everyone, told apart by ear."""
COLOURS = ("do", "cam", "vang", "xanh-la", "xanh-duong", "tim", "hong", "nau")


def echo_of(receipt_id: UUID) -> tuple[str, str]:
    """Word and colour of one receipt; as hard to guess as the random part of its id."""
    digest = hashlib.sha256(b"echo" + receipt_id.bytes).digest()
    return WORDS[digest[0] % len(WORDS)], COLOURS[digest[1] % len(COLOURS)]
