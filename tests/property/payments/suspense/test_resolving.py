"""Whatever comes and whatever people decide, in any order: suspense holds what the open cases say."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

import hypothesis
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy.ext.asyncio import create_async_engine

import payments
from market import db as market_db
from market import ids
from payments import suspense

EXAMPLES, STEPS = 40, 40
NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
AMOUNTS_VND = (10, 20, 30, 50)
draws = st.randoms(use_true_random=True)


@dataclass
class Asked:
    """A payment in the model."""

    amount_vnd: int
    code: str
    received_vnd: int = 0
    state: str = "open"
    shorts: list[UUID] = field(default_factory=list)


@dataclass
class Waits:
    """A case in the model; `by` is the decision that stands."""

    amount_vnd: int
    asked: UUID | None = None
    is_short: bool = False
    by: UUID | None = None


class Model:
    """What should stand, in dicts."""

    def __init__(self) -> None:
        self.asked: dict[UUID, Asked] = {}
        self.cases: dict[UUID, Waits] = {}
        self.decided: dict[UUID, tuple[list[UUID], list[suspense.Part]]] = {}
        self.assigned: set[UUID] = set()
        self.vnd: Counter[str] = Counter()

    def notice(self, receipt_id: UUID, asked_id: UUID | None, vnd: int) -> None:
        self.vnd["bank"] += vnd
        asked = self.asked.get(asked_id) if asked_id else None
        if asked is None or asked.state in {"settled", "cancelled"}:
            self.cases[receipt_id] = Waits(vnd)
            self.vnd["suspense"] += vnd
            return
        asked.received_vnd += vnd
        if asked.received_vnd < asked.amount_vnd:
            self.cases[receipt_id] = Waits(vnd, asked_id, is_short=True)
            asked.shorts.append(receipt_id)
            self.vnd["suspense"] += vnd
            return
        asked.state = "settled"
        excess_vnd = asked.received_vnd - asked.amount_vnd
        self.vnd["sales"] += asked.amount_vnd
        self.vnd["suspense"] -= sum(self.cases.pop(one).amount_vnd for one in asked.shorts)
        if excess_vnd:
            self.cases[receipt_id] = Waits(excess_vnd)
            self.vnd["suspense"] += excess_vnd

    def is_waiting(self, case: Waits) -> bool:
        return case.is_short and self.asked[case.asked].state == "open"

    def resolve(self, case_id: UUID, target: UUID | None, rest: str) -> list[suspense.Part] | None:
        """The parts as they should come out; None where it should be refused."""
        case = self.cases[case_id]
        if case.by is not None or self.is_waiting(case):
            return None
        shares, left_vnd, parts = [case_id], case.amount_vnd, []
        if target is not None:
            asked = self.asked[target]
            if asked.state == "settled" or target in self.assigned:
                return None
            more = [one for one in asked.shorts if one != case_id and self.cases[one].by is None]
            shares += more
            left_vnd += sum(self.cases[one].amount_vnd for one in more) - asked.amount_vnd
            if left_vnd < 0:
                return None
            asked.state = "cancelled"
            self.assigned.add(target)
            parts.append(
                suspense.Part(kind="payment", amount_vnd=asked.amount_vnd, target_id=target)
            )
        if left_vnd:
            parts.append(suspense.Part(kind=rest, amount_vnd=left_vnd))
        decision_id = ids.new()
        self.decided[decision_id] = (shares, parts)
        self.move(shares, parts, 1)
        for one in shares:
            self.cases[one].by = decision_id
        return parts

    def undo(self, case_id: UUID) -> bool:
        decision_id = self.cases[case_id].by
        if decision_id is None:
            return False
        shares, parts = self.decided.pop(decision_id)
        self.move(shares, parts, -1)
        for one in shares:
            self.cases[one].by = None
        self.assigned -= {one.target_id for one in parts}
        return True

    def move(self, shares: list[UUID], parts: list[suspense.Part], sign: int) -> None:
        self.vnd["suspense"] -= sign * sum(self.cases[one].amount_vnd for one in shares)
        for part in parts:
            name = "sales" if part.kind in {"payment", "sale"} else part.kind
            self.vnd[name] += sign * part.amount_vnd


class Machine(RuleBasedStateMachine):
    """The model beside the real writer and tables; every example has an owner of its own."""

    runner: asyncio.Runner
    ledger: payments.Ledger
    engine: object

    def __init__(self):
        super().__init__()
        self.model = Model()
        self.owner_id, self.payee_id, self.place_id = ids.new(), ids.new(), ids.new()
        self.account_no = str(self.owner_id.int)[-12:]
        self.number = 0
        payee = payments.Payee(
            id=self.payee_id,
            owner_id=self.owner_id,
            bank_bin="970436",
            account_no=self.account_no,
        )
        self.run(lambda db: payments.register_payee(db, payee, now=NOW))

    def run(self, work):
        """One transaction."""

        async def within():
            async with market_db.Session(self.engine) as db, db.begin():
                return await work(db)

        return self.runner.run(within())

    @rule(vnd=st.sampled_from(AMOUNTS_VND))
    def ask(self, vnd):
        command = payments.OpenPayment(
            id=ids.new(),
            owner_id=self.owner_id,
            place_id=self.place_id,
            payee_id=self.payee_id,
            amount_vnd=vnd,
            code=payments.new_code(ids.new().bytes),
            expires_at=NOW + timedelta(minutes=15),
        )
        self.run(lambda db: payments.open_payment(db, command, now=NOW))
        self.model.asked[command.id] = Asked(vnd, command.code)

    @rule(draw=draws, vnd=st.sampled_from(AMOUNTS_VND))
    def come_short_and_late(self, draw, vnd):
        """What people decide about most: some came, the sale was closed, the rest came after."""
        self.ask(vnd * 2)
        asked_id = list(self.model.asked)[-1]
        self.come(draw, vnd, 1, asked_id)
        self.run(lambda db: payments.cancel_payment(db, asked_id, now=NOW))
        self.model.asked[asked_id].state = "cancelled"
        self.come(draw, vnd, 1, asked_id)

    @rule(draw=draws, vnd=st.sampled_from(AMOUNTS_VND), times=st.integers(1, 2))
    def come(self, draw, vnd, times, asked_id=None):
        """Money comes, told once or twice, for a payment or for nobody knows what."""
        asked_id = asked_id or draw.choice([None, *self.model.asked])
        memo = self.model.asked[asked_id].code if asked_id else "chuyen tien"
        self.number += 1
        told = payments.Confirmation(
            "sepay",
            f"{self.owner_id}-{self.number}",
            vnd,
            NOW,
            memo=memo,
            account_no=self.account_no,
            bank_bin="970436",
            reference=f"{self.owner_id}-{self.number}",
        )
        receipt_id = ids.new()

        for _ in range(times):
            self.runner.run(self.ledger.settle(told, receipt_id=receipt_id, now=NOW))

        self.model.notice(receipt_id, asked_id, vnd)

    @rule(draw=draws)
    def cancel(self, draw):
        waiting = [one for one, asked in self.model.asked.items() if asked.state == "open"]
        if waiting:
            chosen = draw.choice(waiting)
            self.run(lambda db: payments.cancel_payment(db, chosen, now=NOW))
            self.model.asked[chosen].state = "cancelled"

    @rule(draw=draws, rest=st.sampled_from(["refund_due", "ignored", "sale"]), is_cut=st.booleans())
    def resolve(self, draw, rest, is_cut):
        if not self.model.cases:
            return
        case_id = self.a_case(draw, is_open=draw.random() < 0.8)
        target = draw.choice([None, *self.model.asked])
        place_id = self.place_id if rest == "sale" else None
        parts = [suspense.Part(kind=rest, amount_vnd=0, place_id=place_id)]
        if target is not None:
            parts.insert(0, suspense.Part(kind="payment", amount_vnd=0, target_id=target))

        made = self.decide(
            lambda db, known: suspense.plan(
                db,
                suspense.Resolve(
                    decision_id=ids.new(),
                    receipt_id=case_id,
                    version=known.version,
                    parts=tuple(parts),
                    decided_by=self.owner_id,
                    reason="thử",
                ),
                now=NOW,
            ),
            case_id,
            is_cut,
        )

        expected = self.model.resolve(case_id, target, rest)
        said = None if made is None else [(one.kind, one.amount_vnd) for one in made.parts]
        assert said == (expected and [(one.kind, one.amount_vnd) for one in expected])

    @rule(draw=draws, is_cut=st.booleans())
    def undo(self, draw, is_cut):
        if not self.model.cases:
            return
        case_id = self.a_case(draw, is_open=draw.random() < 0.2)
        made = self.decide(
            lambda db, known: suspense.plan_undo(
                db,
                suspense.Undo(
                    decision_id=ids.new(),
                    receipt_id=case_id,
                    version=known.version,
                    decided_by=self.owner_id,
                ),
                now=NOW,
            ),
            case_id,
            is_cut,
        )

        assert (made is not None) == self.model.undo(case_id)

    def a_case(self, draw, *, is_open):
        """One that is open, or decided, if there is any."""
        cases = self.model.cases
        fitting = [one for one, case in cases.items() if (case.by is None) == is_open]
        return draw.choice(fitting or list(cases))

    def decide(self, plan, case_id, is_cut):
        """As the platform does; where it is cut off, a job carries out what was planned."""

        async def planned(db):
            known = await suspense.case(db, case_id)
            return await plan(db, known)

        try:
            decision = self.run(planned)
        except payments.PaymentError:
            return None
        if is_cut:  # after the commit of the money, before it is written down
            self.runner.run(suspense.carry_out(self.ledger, decision))
            (decision,) = self.run(
                lambda db: suspense.planned(db, before=NOW + timedelta(seconds=1))
            )
        outcomes = self.runner.run(suspense.carry_out(self.ledger, decision))
        done = self.run(lambda db: suspense.finish(db, decision.id, outcomes, now=NOW))
        assert done.state == "posted"
        return done

    @invariant()
    def suspense_is_the_sum_of_the_open_cases(self):
        async def read(db):
            views = await payments.accounts_of(db, self.owner_id)
            balances = {f"{one.kind}:{one.place}": one.balance_vnd for one in views}
            found = await suspense.cases(db, self.owner_id, which="all", limit=1_000)
            return balances, found

        balances, found = self.run(read)
        names = {
            "bank": f"bank:{self.payee_id}",
            "sales": "sales:",
            "suspense": "suspense:",
            "refund_due": "suspense:refund_due",
            "ignored": "suspense:ignored",
        }
        held = {name: balances.get(account, 0) for name, account in names.items()}
        assert held == {name: self.model.vnd[name] for name in names}
        unresolved = [one for one in found if one.state != "resolved"]
        assert held["suspense"] == sum(one.amount_vnd for one in unresolved)
        assert held["bank"] == sum(held[name] for name in names if name != "bank")
        assert {one.receipt_id: one.amount_vnd for one in found} == {
            receipt_id: case.amount_vnd for receipt_id, case in self.model.cases.items()
        }


def test_suspense_is_the_sum_of_the_open_cases_after_any_history(database_url):
    async def begin():
        ledger = payments.Ledger(database_url, "market_system")
        await ledger.start()
        return ledger, create_async_engine(market_db.sqlalchemy_url(database_url, "asyncpg"))

    with asyncio.Runner() as runner:
        ledger, engine = runner.run(begin())
        fields = {"runner": runner, "ledger": ledger, "engine": engine}

        run_state_machine_as_test(
            type("Machine", (Machine,), fields),
            settings=hypothesis.settings(
                max_examples=EXAMPLES,
                stateful_step_count=STEPS,
                deadline=None,
                database=None,
                phases=(hypothesis.Phase.generate,),  # shortening a history costs minutes here
                suppress_health_check=list(hypothesis.HealthCheck),
            ),
        )

        report = runner.run(payments.audit(database_url))
        runner.run(ledger.close())
        runner.run(engine.dispose())
    assert [str(one) for one in report.problems] == []
