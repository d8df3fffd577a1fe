"""Where engines meet. Two tables say what follows from what; each flow adds its line.

`REACTIONS` runs in the relay, in the transaction that moves its position: exactly once.
`JOBS` runs in the worker, outside any transaction: at least once, asked for by `outbox.enqueue`.
"""

from market.flows.context import Context, Job, Reaction

__all__ = ["JOBS", "REACTIONS", "Context", "Job", "Reaction"]

JOBS: dict[str, Job] = {}

REACTIONS: dict[str, Reaction] = {}
