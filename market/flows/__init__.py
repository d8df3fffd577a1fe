"""Where engines meet. Three tables say what follows from what; each flow adds its line.

`REACTIONS` runs in the relay, in the transaction that moves its position: exactly once.
`JOBS` runs in the worker, outside any transaction: at least once, asked for by `outbox.enqueue`.
`PERIODIC` names the jobs the relay asks for every so many seconds.
"""

from market.flows.context import Context, Event, Job, Reaction

__all__ = ["JOBS", "PERIODIC", "REACTIONS", "Context", "Event", "Job", "Reaction"]

JOBS: dict[str, Job] = {}

REACTIONS: dict[str, Reaction] = {}

PERIODIC: dict[str, int] = {
    "expire_payments": 30,
    "send_invoices": 5,
    "sync_listings": 5,
    "pull_missed_notices": 60,
    "ask_acquirers": 60,
}
"""Seconds between two asks; a job that is not in `JOBS` is not asked for."""
