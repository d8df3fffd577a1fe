"""A request and its answer as the server hands them over, for what is taken before the router."""

from typing import Any, NamedTuple

from litestar.types import Receive, Scope


class Reply(NamedTuple):
    """An answer, ready to be sent."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


async def send_reply(reply: Reply, send: Any) -> None:
    """Send all of it."""
    start = {"type": "http.response.start", "status": reply.status, "headers": reply.headers}
    await send(start)
    await send({"type": "http.response.body", "body": reply.body})


async def whole_body(
    scope: Scope, receive: Receive, byte_count_max: int
) -> tuple[bytes | None, Receive]:
    """The body if it came in one piece, and how to receive it again; None for any other."""
    length = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
    if not length.isdigit() or int(length) > byte_count_max:
        return None, receive
    message: Any = await receive()
    body = message.get("body", b"")
    is_whole = message["type"] == "http.request" and len(body) == int(length)
    return body if is_whole else None, _again(message, receive)


def _again(message: Any, receive: Receive) -> Receive:
    told = False

    async def again() -> Any:
        nonlocal told
        if told:
            return await receive()
        told = True
        return message

    return again
