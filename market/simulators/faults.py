"""Misbehaviour on demand: by probability, or for the next so many."""

import random
from collections.abc import Mapping

from market.simulators.state import Store


class ControlError(Exception):
    """What was asked of the control API makes no sense; the text says what is expected."""


class Faults:
    """Which faults strike, remembered in the partner's store.

    `{"drop": 0.1}` strikes one in ten, `{"drop": {"next": 3}}` the next three, 0 stops it. Names that
    end in `_s` are plain seconds.
    """

    def __init__(self, store: Store, kinds: tuple[str, ...], seed: int = 0) -> None:
        self._store = store
        self._kinds = kinds
        self._random = random.Random(seed)  # noqa: S311 - a demo's dice, repeatable by its seed
        self._set: dict[str, dict[str, float]] = store.setting("faults", {})

    def change(self, wanted: Mapping[str, object]) -> None:
        """Set some kinds; the others stay as they are.

        Raises: ControlError; nothing is changed then.
        """
        changed = {kind: self._rule(kind, value) for kind, value in wanted.items()}
        self._set = {**self._set, **changed}
        self._store.set_setting("faults", self._set)

    def strikes(self, kind: str) -> bool:
        """Whether this fault strikes now; a counted one is used up by it."""
        rule = self._set.get(kind, {})
        if rule.get("next", 0) >= 1:
            rule["next"] -= 1
            self._store.set_setting("faults", self._set)
            return True
        return self._random.random() < rule.get("probability", 0)

    def seconds(self, kind: str) -> float:
        """The seconds of a `_s` kind; 0 if never set."""
        return self._set.get(kind, {}).get("seconds", 0)

    def describe(self) -> dict[str, dict[str, float]]:
        """What is set, by kind."""
        return {kind: dict(self._set.get(kind, {})) for kind in self._kinds}

    def _rule(self, kind: str, value: object) -> dict[str, float]:
        if kind not in self._kinds:
            raise ControlError(f"There is no “{kind}”, only {', '.join(self._kinds)}.")
        if isinstance(value, Mapping):
            value, name = value.get("next"), "next"
        else:
            name = "seconds" if kind.endswith("_s") else "probability"
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise ControlError(f'“{kind}” is a number from 0, or {{"next": n}}.')
        if name == "probability" and value > 1:
            raise ControlError(f'“{kind}” is a probability from 0 to 1, or {{"next": n}}.')
        return {name: value}
