"""A writer as a process of its own, to be killed: lives a day and prints each acknowledged call.

`python load.py URL SEED COUNT OWNER_ID JUMPS RETRY_SECONDS`
"""

import asyncio
import sys
from uuid import UUID

import payments
from tests.faults.payments.day import ANSWERS, Day, live


def told(name: str, answers: set[str]) -> None:
    word = "ok" if answers <= ANSWERS else ",".join(sorted(answers))
    print(word, name, flush=True)  # noqa: T201 - its output is what the test reads


async def main(url: str, day: Day, retry_seconds: float) -> None:
    ledger = payments.Ledger(url, "market_system", retry_seconds=retry_seconds)
    await ledger.start()
    await live(day, ledger, told)
    await ledger.close()
    print("done .", flush=True)  # noqa: T201 - as above


if __name__ == "__main__":
    url, seed, count, owner_id, jumps, retry_seconds = sys.argv[1:]
    day = Day(int(seed), int(count), UUID(owner_id), jumps == "jumps")
    asyncio.run(main(url, day, float(retry_seconds)))
