"""Lists of the simulated Stripe, as its documents have them: pages by cursor, filters, search."""

import json
import re
from typing import Any

from market.simulators.stripe_book import Book
from market.simulators.stripe_wire import Json, Refused

LIST_LENGTH, LIST_LENGTH_MAX = 10, 100
PATHS = {
    "payment_intent": "payment_intents",
    "checkout.session": "checkout/sessions",
    "refund": "refunds",
    "charge": "charges",
    "dispute": "disputes",
    "event": "events",
    "balance_transaction": "balance_transactions",
}
_COMPARED = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
_FILTERS = {
    "checkout.session": ("payment_intent", "status"),
    "refund": ("payment_intent", "charge"),
    "charge": ("payment_intent",),
    "dispute": ("payment_intent", "charge"),
    "event": ("type",),
    "balance_transaction": ("type", "source", "currency"),
}
_CLAUSE = re.compile(
    r"(?:metadata\[['\"](?P<key>[^'\"]+)['\"]\]|(?P<field>[a-z_]+)):(?:(['\"])(?P<text>.*?)\3|(?P<number>\d+))"
)
_SEARCHED = frozenset({"status", "currency", "amount", "customer"})


def listed(book: Book, kind: str, given: Json) -> Json:
    """A page of what the present account has, newest first.

    Raises: Refused for a limit, a cursor or a time that cannot be.
    """
    where, values = _where(book, kind, given)
    limit = _limit(given)
    backwards = "ending_before" in given and "starting_after" not in given
    rows = _rows(book, where, [*values, limit + 1], backwards=backwards)
    data = rows[:limit]
    if backwards:
        data.reverse()
    return {
        "object": "list", "data": data, "has_more": len(rows) > limit, "url": f"/v1/{PATHS[kind]}",
    }  # fmt: skip


def search(book: Book, kind: str, given: Json) -> Json:
    """What fits every clause of `query`: metadata['k']:'v', status, currency, amount, joined by AND.

    Raises: Refused for any other query.
    """
    where, values = _where(book, kind, {})
    for clause in re.split(r"\s+AND\s+", str(given.get("query", "")).strip()):
        found = _CLAUSE.fullmatch(clause)
        if found is None or (found["field"] and found["field"] not in _SEARCHED):
            raise Refused(
                "We were unable to parse your search query.", "parameter_invalid", param="query"
            )
        place = f'$.metadata."{found["key"]}"' if found["key"] else f"$.{found['field']}"
        where.append("json_extract(o.body, ?) = ?")
        values += [place, int(found["number"]) if found["number"] else found["text"]]
    limit = _limit(given)
    rows = _rows(book, where, [*values, limit + 1])
    return {
        "object": "search_result", "data": rows[:limit], "has_more": len(rows) > limit,
        "next_page": None, "url": f"/v1/{PATHS[kind]}/search",
    }  # fmt: skip


def _limit(given: Json) -> int:
    limit = str(given.get("limit", LIST_LENGTH))
    if not (limit.isascii() and limit.isdigit() and 1 <= int(limit[:4]) <= LIST_LENGTH_MAX):
        raise Refused("limit is 1 to 100.", "parameter_invalid_integer", param="limit")
    return int(limit)


def _where(book: Book, kind: str, given: Json) -> tuple[list[str], list[Any]]:
    where = ["o.kind = ?", "COALESCE(json_extract(s.value, '$'), '') = ?"]
    values: list[Any] = [kind, book.account]
    for name in _FILTERS.get(kind, ()):
        if name in given:
            where.append(f"json_extract(o.body, '$.{name}') = ?")
            values.append(str(given[name]))
    if isinstance(given.get("types"), dict):
        kinds = [str(one) for one in given["types"].values()]
        where.append(f"json_extract(o.body, '$.type') IN ({', '.join('?' * len(kinds))})")
        values += kinds
    for name, sign in (("starting_after", "<"), ("ending_before", ">")):
        if name in given:
            book.get(str(given[name]), kind, param=name)
            where.append(f"o.rowid {sign} (SELECT rowid FROM object WHERE id = ?)")  # noqa: S608 - ours
            values.append(str(given[name]))
    created = given.get("created")
    limits = created if isinstance(created, dict) else {} if created is None else {"": created}
    for name, text in limits.items():
        if name not in {"", *_COMPARED} or not str(text).isdigit():
            raise Refused("Invalid created.", "parameter_invalid_integer", param="created")
        where.append(f"json_extract(o.body, '$.created') {_COMPARED.get(name, '=')} ?")
        values.append(int(str(text)[:12]))
    return where, values


def _rows(
    book: Book, where: list[str], values: list[Any], *, backwards: bool = False
) -> list[Json]:
    rows = book.store.rows(
        "SELECT o.body FROM object o LEFT JOIN setting s ON s.name = 'account:' || o.id"  # noqa: S608 - our own words
        f" WHERE {' AND '.join(where)} ORDER BY o.rowid {'' if backwards else 'DESC'} LIMIT ?",
        *values,
    )
    return [json.loads(row["body"]) for row in rows]
