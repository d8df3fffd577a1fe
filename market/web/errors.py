"""Every error a person may meet, in one table: status, code, and a Vietnamese sentence."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg
from litestar import MediaType, Request, Response
from litestar.exceptions import (
    ClientException,
    HTTPException,
    NotAuthorizedException,
    NotFoundException,
    PermissionDeniedException,
    TooManyRequestsException,
    ValidationException,
)
from litestar.openapi.datastructures import ResponseSpec
from msgspec import Struct
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from market.web.i18n import N_

log = logging.getLogger(__name__)

PROBLEM_JSON = "application/problem+json"


class Problem(Struct, frozen=True, kw_only=True):
    """What an API client gets instead of an answer. Source: RFC 9457."""

    type: str
    """A relative reference to the page that explains the code."""
    title: str
    """A Vietnamese sentence that says what to do."""
    status: int
    code: str
    """Stable, for programs."""
    detail: str = ""
    """English, for developers."""
    facts: dict[str, Any] = {}


@dataclass(frozen=True)
class Shape:
    """How one class of error is told."""

    status: int
    title: str


_SHAPES: dict[type[Exception], Shape] = {}


def tells(error: type[Exception], status: int, title: str) -> None:
    """Register the status and the sentence of an error class; subclasses inherit them."""
    _SHAPES[error] = Shape(status, title)


def told() -> list[tuple[str, Shape]]:
    """Every code with its status and sentence, by code: the page that problems point to."""
    codes = {str(getattr(kind, "code", kind.__name__.lower())): s for kind, s in _SHAPES.items()}
    return sorted(codes.items())


def problem_of(error: Exception) -> Problem:
    """The problem that tells `error`; what nobody foresaw is a 500 without inner facts."""
    for kind in type(error).__mro__:
        shape = _SHAPES.get(kind)
        if shape is not None:
            code = getattr(error, "code", None) or kind.__name__.lower()
            facts = {k: v for k, v in vars(error).items() if _is_plain(k, v)}
            return _problem(shape.status, code, shape.title, detail=str(error), facts=facts)
    if isinstance(error, HTTPException):
        return _problem_of_http(error)
    if isinstance(error, PoolTimeoutError | psycopg.OperationalError):  # full, or away: come back
        return _problem(503, "busy", N_("Đang rất đông. Vui lòng thử lại sau một giây."))
    log.error("unforeseen error", exc_info=error)
    return _problem(500, "internal", N_("Máy chủ gặp lỗi. Chưa có gì bị mất. Vui lòng thử lại."))


def _problem_of_http(error: HTTPException) -> Problem:
    titles: tuple[tuple[type[HTTPException], str, str], ...] = (
        (NotAuthorizedException, "not_signed_in", N_("Bạn cần đăng nhập.")),
        (PermissionDeniedException, "not_allowed", N_("Bạn không có quyền làm việc này.")),
        (NotFoundException, "not_found", N_("Không tìm thấy trang này.")),
        (TooManyRequestsException, "too_many", N_("Thử lại quá nhiều lần. Vui lòng chờ một phút.")),
        (ValidationException, "invalid", N_("Thông tin gửi lên chưa đúng. Xem chi tiết từng ô.")),
    )
    fitting = [(code, title) for kind, code, title in titles if isinstance(error, kind)]
    code, title = fitting[0] if fitting else _other_http(error.status_code)
    code = (error.extra or {}).get("code", code) if isinstance(error.extra, dict) else code
    facts = {"fields": error.extra} if isinstance(error.extra, list) else {}
    return _problem(error.status_code, code, title, detail=error.detail, facts=facts)


def _other_http(status: int) -> tuple[str, str]:
    return {
        405: ("method_not_allowed", N_("Địa chỉ này không nhận thao tác đó.")),
        413: ("too_large", N_("Tệp gửi lên quá lớn.")),
        415: ("media_type", N_("Kiểu dữ liệu gửi lên không được hỗ trợ.")),
    }.get(status, ("invalid" if status < 500 else "internal", N_("Yêu cầu chưa thực hiện được.")))


def _problem(
    status: int, code: str, title: str, *, detail: str = "", facts: dict[str, Any] | None = None
) -> Problem:
    return Problem(
        type=f"/loi#{code}", title=title, status=status, code=code, detail=detail, facts=facts or {}
    )


def _is_plain(name: str, value: object) -> bool:
    return not name.startswith("_") and isinstance(value, str | int | bool)


Renderer = Callable[[Request[Any, Any, Any], Problem], Response[Any]]


def wants_page(request: Request[Any, Any, Any]) -> bool:
    """Whether a person's browser asked, not a program."""
    path = request.url.path
    if path.startswith(("/api/", "/hooks/", "/schema")):
        return False
    return "text/html" in request.headers.get("accept", "")


def handler(render_page: Renderer) -> Callable[[Request[Any, Any, Any], Exception], Response[Any]]:
    """The exception handler of the whole application."""

    def handle(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
        problem = problem_of(error)
        if wants_page(request):
            return render_page(request, problem)
        wait_s = problem.facts.get("retry_after_s", 1)
        headers = {"retry-after": str(wait_s)} if problem.status in {429, 503} else {}
        return Response(
            problem, status_code=problem.status, media_type=PROBLEM_JSON, headers=headers
        )

    return handle


def documented(*statuses: int) -> dict[int, ResponseSpec]:
    """OpenAPI entries for the problems a handler may answer with."""
    return {
        status: ResponseSpec(
            Problem,
            generate_examples=False,
            media_type=PROBLEM_JSON,
            description="problem",
        )
        for status in statuses
    }


class BadRequest(ClientException):
    """A request that cannot be understood; `code` and the sentence are given."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(detail=detail or code, extra={"code": code})


__all__ = ["BadRequest", "MediaType", "Problem", "documented", "handler", "problem_of", "tells"]
