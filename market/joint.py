"""Callers of one moment share one trip to the database."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")

SIZE_MAX = 200
"""So many are answered together; beyond it a round only takes longer."""
GATHER_SECONDS = 0.015
"""Between the rounds of a rush: more come together, and each waits less than it saves."""


class Joint(Generic[Asked, Answer]):
    """While one round is under way the next gathers. A lone caller waits for nobody."""

    def __init__(
        self, answer_all: Callable[[Sequence[Asked]], Awaitable[Sequence[Answer]]]
    ) -> None:
        """`answer_all` answers each in order. What it raises, every caller of the round is told."""
        self._answer_all = answer_all
        self._waiting: list[tuple[Asked, asyncio.Future[Answer]]] = []
        self._running: asyncio.Task[None] | None = None

    async def ask(self, asked: Asked) -> Answer:
        """The answer to this, together with whoever asks now."""
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((asked, answer))
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return await answer

    async def _run(self) -> None:
        try:
            while self._waiting:
                now = self._waiting[:SIZE_MAX]
                del self._waiting[:SIZE_MAX]
                await self._round(now)
                if len(now) > 1:
                    await asyncio.sleep(GATHER_SECONDS)
        finally:
            self._running = None

    async def _round(self, now: Sequence[tuple[Asked, "asyncio.Future[Answer]"]]) -> None:
        try:
            answers = await self._answer_all([asked for asked, _ in now])
        except BaseException as error:
            told = error if isinstance(error, Exception) else RuntimeError("the loop is ending")
            for _, answer in now:
                if not answer.done():
                    answer.set_exception(told)
            if told is not error:
                raise
            return
        for (_, answer), said in zip(now, answers, strict=True):
            if not answer.done():  # its caller may have gone
                answer.set_result(said)
