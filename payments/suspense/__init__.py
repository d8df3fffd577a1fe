"""Money that waits for a person: the cases, and deciding about them.

decision = await suspense.plan(db, Resolve(...), now=now)   # commit
outcomes = await suspense.carry_out(ledger, decision)
decision = await suspense.finish(db, decision.id, outcomes, now=now)   # commit
"""

from payments.suspense.carrying import (
    RESOLVED,
    UNDONE,
    carry_out,
    decision,
    finish,
    locked,
    planned,
)
from payments.suspense.errors import (
    CaseMoved,
    CasePartsWrong,
    CaseRefunded,
    CaseRefused,
    CaseUnknown,
    PaymentAssigned,
)
from payments.suspense.moves import Case, Decision, Part, Share
from payments.suspense.reading import Audited, Waiting, case, cases, history, waiting
from payments.suspense.resolving import Resolve, Undo, plan, plan_undo
from payments.suspense.storage import lock_decided

__all__ = [
    "RESOLVED",
    "UNDONE",
    "Audited",
    "Case",
    "CaseMoved",
    "CasePartsWrong",
    "CaseRefunded",
    "CaseRefused",
    "CaseUnknown",
    "Decision",
    "Part",
    "PaymentAssigned",
    "Resolve",
    "Share",
    "Undo",
    "Waiting",
    "carry_out",
    "case",
    "cases",
    "decision",
    "finish",
    "history",
    "lock_decided",
    "locked",
    "plan",
    "plan_undo",
    "planned",
    "waiting",
]
