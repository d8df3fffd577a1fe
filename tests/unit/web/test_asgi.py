"""A body is taken when it came whole; whatever was received is received again by who comes after."""

import pytest

from market.web.asgi import whole_body


def server(*parts, length=None):
    """A scope that announces the parts' length, or another, and the server's side of it."""
    announced = sum(map(len, parts)) if length is None else length
    scope = {"headers": [(b"content-length", str(announced).encode())]}
    messages = iter(
        {"type": "http.request", "body": part, "more_body": index + 1 < len(parts)}
        for index, part in enumerate(parts)
    )

    async def receive():
        return next(messages)

    return scope, receive


async def received(receive, count):
    return b"".join([(await receive())["body"] for _ in range(count)])


async def test_a_whole_body_is_taken_and_received_again():
    scope, receive = server(b"abc", b"")

    body, again = await whole_body(scope, receive, 10)

    assert body == b"abc"
    assert await received(again, 2) == b"abc"


async def test_a_body_in_pieces_is_left_with_all_its_pieces():
    scope, receive = server(b"abc", b"def", b"g")

    body, again = await whole_body(scope, receive, 10)

    assert body is None
    assert await received(again, 3) == b"abcdefg"


@pytest.mark.parametrize("length", [11, "many", -1, ""])
async def test_a_body_that_is_too_large_or_not_announced_is_not_touched(length):
    scope, receive = server(b"abc", length=length)

    body, again = await whole_body(scope, receive, 10)

    assert body is None
    assert again is receive


async def test_who_has_gone_is_seen_by_who_comes_after():
    scope, _ = server(b"abc")

    async def gone():
        return {"type": "http.disconnect"}

    body, again = await whole_body(scope, gone, 10)

    assert body is None
    assert await again() == {"type": "http.disconnect"}
