"""Tills that open sales, shoppers whose banks send signed notices, officials who watch.

Run by `python -m loadtests` against a demo market. After the run every acknowledged payment must be
in the ledger exactly once; if not, the exit code says so.
"""

import itertools
import random
import time
from argparse import Namespace
from datetime import UTC, datetime
from typing import Any, ClassVar

import gevent
from locust import FastHttpUser, between, events, task
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.exception import StopUser

from loadtests import world
from loadtests.journal import Journal, wrong_in
from market import ids
from market.settings import Settings
from payments.gateways import sepay

DOUBLED_SHARE = 0.1
"""Notices that the bank sends twice."""
CASH_SHARE = 0.25
STAND_SHARE = 0.4
PROBLEMS_SHOWN_MAX = 20

_journal = Journal()
_numbers = itertools.count(time.time_ns() // 1_000)
"""Ids of bank transfers: later than any other run's, far above the simulated bank's own."""


@events.init_command_line_parser.add_listener
def _options(parser: LocustArgumentParser) -> None:
    parser.add_argument("--database-url", default="", help="the database of the market under load")
    parser.add_argument("--sepay-secret", default=Settings().sepay_secret)


def _given(environment: Environment) -> Namespace:
    options = environment.parsed_options
    assert options is not None
    return options


@events.init.add_listener
def _look_at_the_clock(**_: Any) -> None:
    """Imports took seconds in which gevent's clock stood still; its timers would fire too early."""
    gevent.get_hub().loop.update_now()


@events.test_start.add_listener
def _read_world(environment: Environment, **_: Any) -> None:
    url = _given(environment).database_url
    Player.stalls[:] = world.stalls(url)
    Official.wards[:] = world.wards(url)
    if not Player.stalls or not Official.wards:
        raise SystemExit("This market has no stall with a code: start it with `market demo`.")


@events.test_stop.add_listener
def _count_every_payment(environment: Environment, **_: Any) -> None:
    wrong = list(wrong_in(_given(environment).database_url, _journal))
    said = f"{len(_journal.notices)} notices and {len(_journal.cash)} cash sales acknowledged"
    if wrong:
        environment.process_exit_code = 1
        print(f"{said}; {len(wrong)} are not in the ledger exactly once:")
        print("\n".join(wrong[:PROBLEMS_SHOWN_MAX]))
    else:
        print(f"{said}; each is in the ledger exactly once.")


class Player(FastHttpUser):
    """Somebody at the market; money is told by whoever plays.

    The fast client: on a market's own machine the other one would be most of the load.
    """

    abstract = True
    stalls: ClassVar[list[world.Stall]] = []

    def be(self, person_id: str) -> None:
        """Sign in by the demo's link."""
        with self.client.get(
            f"/demo/la/{person_id}?tiep=/toi", name="/demo/la", allow_redirects=False,
            catch_response=True,
        ) as answer:  # fmt: skip
            if answer.status_code != 303:
                answer.failure(f"no way in: {answer.status_code}")
                raise StopUser
            answer.success()

    def cookie(self, name: str) -> str:
        """A cookie's value; empty where there is none."""
        return next((one.value or "" for one in self.client.cookiejar if one.name == name), "")

    def told(self, stall: world.Stall, amount_vnd: int, memo: str) -> None:
        """The bank tells of a transfer; now and then twice."""
        number = next(_numbers)
        body = world.notice(number, stall, amount_vnd, memo)
        for _ in range(2 if random.random() < DOUBLED_SHARE else 1):
            timestamp = int(time.time())
            secret = _given(self.environment).sepay_secret
            headers = {
                "content-type": "application/json",
                sepay.TIMESTAMP_HEADER: str(timestamp),
                sepay.SIGNATURE_HEADER: sepay.sign(secret, timestamp, body),
            }
            answer = self.client.post("/hooks/sepay", data=body.decode(), headers=headers)
            if answer.status_code == 200 and answer.json().get("success") is True:
                _journal.notices[str(number)] = amount_vnd


class Till(Player):
    """A vendor: opens sales by dynamic code, which are paid a moment later, and keys in cash."""

    weight = 5
    wait_time = between(0.2, 1.5)

    def on_start(self) -> None:
        """Sign in at a stall of one's own."""
        self.stall = random.choice(self.stalls)
        self.be(self.stall.person_id)
        self.client.get(f"/api/stalls/{self.stall.stall_id}", name="/api/stalls/…")

    @task(4)
    def sell(self) -> None:
        """A sale, its code, the notice of its money."""
        amount_vnd = _amount_vnd()
        method = "cash" if random.random() < CASH_SHARE else "vietqr"
        sale = {
            "sale_id": str(ids.new()), "amount_vnd": amount_vnd, "method": method, "lines": [],
            "sold_at": datetime.now(UTC).isoformat(),  # noqa: TID251 - a till has its own clock
        }  # fmt: skip
        answer = self.client.post(
            f"/api/stalls/{self.stall.stall_id}/sales",
            json=sale,
            headers={"x-csrftoken": self.cookie("cho_csrf")},
            name=f"/api/stalls/…/sales {method}",
        )
        if answer.status_code != 201:
            return
        if method == "cash":
            _journal.cash[sale["sale_id"]] = amount_vnd
        else:
            self.told(self.stall, amount_vnd, answer.json()["memo"])

    @task(1)
    def look(self) -> None:
        """The day's takings at the top of the screen."""
        self.client.get(f"/api/stalls/{self.stall.stall_id}/today", name="/api/stalls/…/today")


class Shopper(Player):
    """Somebody who pays by the printed code: only the bank is heard of."""

    weight = 8
    wait_time = between(0.1, 1.0)

    @task
    def pay(self) -> None:
        """A transfer to a stand."""
        stall = random.choice(self.stalls)
        self.told(stall, _amount_vnd(), f"NGUYEN VAN A chuyen tien {stall.memo}")


class Official(Player):
    """A ward official with the page open."""

    weight = 1
    wait_time = between(2, 5)
    wards: ClassVar[list[world.Ward]] = []

    def on_start(self) -> None:
        """Sign in for a ward."""
        self.ward = random.choice(self.wards)
        self.be(self.ward.person_id)

    @task(5)
    def now(self) -> None:
        """Today so far, as the open page asks every five seconds."""
        self.client.get(f"/phuong/{self.ward.unit_id}/luc-nay", name="/phuong/…/luc-nay")

    @task(1)
    def page(self) -> None:
        """The whole page."""
        self.client.get(f"/phuong/{self.ward.unit_id}", name="/phuong/…")

    @task(1)
    def figure(self) -> None:
        """One figure opened."""
        code = random.choice(("A3", "B1", "B2", "B3", "B6"))
        self.client.get(f"/phuong/{self.ward.unit_id}/so-lieu/{code}", name="/phuong/…/so-lieu")


def _amount_vnd() -> int:
    return max(3, round(random.lognormvariate(0, 0.6) * 50)) * 1_000
