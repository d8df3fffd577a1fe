"""How many are at the market when; add to the locustfile with `-f`, one shape at a time."""

from locust import LoadTestShape


class MorningRush(LoadTestShape):
    """Quiet, the rush from half past five, quiet again: the day's first four hours in two minutes."""

    use_common_options = True
    STEPS = ((15, 0.2), (30, 0.6), (80, 1.0), (100, 0.5), (120, 0.2))
    """Until which second, what share of `--users`."""

    def tick(self) -> tuple[int, float] | None:
        """How many users there should be now, and how fast to get there; None at the end."""
        assert self.runner is not None
        assert self.runner.environment.parsed_options is not None
        users = self.runner.environment.parsed_options.users or 50
        for until, share in self.STEPS:
            if self.get_run_time() < until:
                return max(1, round(users * share)), users / 5
        return None
