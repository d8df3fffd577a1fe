"""The lists of the services that watch the simulated bank, each by its own road and with its own key."""

from typing import Annotated, Any

from litestar import Request, get
from litestar.di import NamedDependency
from litestar.exceptions import ClientException, NotAuthorizedException
from litestar.params import FromQuery, QueryParameter

from market.gateways import SIGNED_LIST_PATH
from market.simulators import bank_forms
from market.simulators.bank_book import Bank
from payments.gateways import casso, sepay, signed


@get(sepay.LIST_PATH, sync_to_thread=False)
def sepay_list(
    request: Request[Any, Any, Any],
    bank: NamedDependency[Bank],
    since_id: FromQuery[int] = 0,
    limit: FromQuery[int] = sepay.LIST_LENGTH_MAX,
    transaction_date_min: FromQuery[str] = "",
    transaction_date_max: FromQuery[str] = "",
) -> dict[str, Any]:
    """SePay's: from an id on, itself included; the newest first."""
    _require(request, f"Bearer {bank.config.api_key}")
    _require_length(limit, sepay.LIST_LENGTH_MAX)
    found = [
        bank_forms.sepay_row(one)
        for one in bank.told("sepay", since_id - 1)
        if transaction_date_min <= one["transactionDate"]
        and (not transaction_date_max or one["transactionDate"] <= transaction_date_max)
    ]
    return {
        "status": 200, "error": None, "messages": {"success": True},
        "transactions": found[::-1][:limit],
    }  # fmt: skip


@get(casso.LIST_PATH, sync_to_thread=False)
def casso_list(
    request: Request[Any, Any, Any],
    bank: NamedDependency[Bank],
    from_date: Annotated[str, QueryParameter(name="fromDate")] = "",
    page: FromQuery[int] = 1,
    page_size: Annotated[int, QueryParameter(name="pageSize")] = casso.LIST_LENGTH_MAX,
    sort: FromQuery[str] = "ASC",
) -> dict[str, Any]:
    """Casso's: by day and page."""
    _require(request, f"Apikey {bank.config.casso_secret}")
    _require_length(page_size, casso.LIST_LENGTH_MAX)
    found = [
        bank_forms.casso_row(one)
        for one in bank.told("casso")
        if from_date <= one["transactionDate"]
    ]
    found.sort(key=lambda one: str(one["when"]), reverse=sort == "DESC")
    records = found[(page - 1) * page_size : page * page_size]
    total = -(-len(found) // page_size)
    return {
        "error": 0, "message": "success",
        "data": {
            "page": page, "pageSize": page_size, "totalPages": total,
            "totalRecords": len(found), "records": records,
        },
    }  # fmt: skip


@get(SIGNED_LIST_PATH, sync_to_thread=False)
def signed_list(
    request: Request[Any, Any, Any],
    bank: NamedDependency[Bank],
    after: FromQuery[int] = 0,
    limit: FromQuery[int] = signed.LIST_LENGTH_MAX,
) -> dict[str, Any]:
    """A bank partner's, by our own form: in the order of `seq`."""
    _require(request, f"Bearer {bank.config.signed_secret}")
    _require_length(limit, signed.LIST_LENGTH_MAX)
    told = bank.told("signed", after)[:limit]
    return {
        "transfers": [
            {"seq": one["id"], "transfer": bank_forms.signed_transfer(one)} for one in told
        ]
    }


def _require(request: Request[Any, Any, Any], authorization: str) -> None:
    if request.headers.get("authorization") != authorization:
        raise NotAuthorizedException("The key is missing or wrong.")


def _require_length(length: int, length_max: int) -> None:
    if not 1 <= length <= length_max:
        raise ClientException(f"A list has 1 to {length_max} rows.")


handlers = [sepay_list, casso_list, signed_list]
