"""One client that asks without pause, and notes what it was told and how long that took."""

import contextlib
import time
from typing import Final

from tests.support.checkout import a_payment
from tests.support.clients import Client, NoAnswer, a_key

CREATED: Final = 201
PATIENCE_S: Final = 60


class Probe:
    """Asks without pause, and notes what each answer was and how long it took.

    Attributes:
        slowest_s: The longest that any answer took.
        statuses: What was answered; 0 where there was no answer.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self.slowest_s = 0.0
        self.statuses: set[int] = set()

    def ask(self) -> int:
        begun = time.perf_counter()
        status = 0
        with contextlib.suppress(NoAnswer):
            status = self._client.post("/v1/payments", a_payment(a_key())).status
        self.slowest_s = max(self.slowest_s, time.perf_counter() - begun)
        self.statuses.add(status)
        return status

    def ask_for(self, seconds: float) -> None:
        """Ask until so much time is over."""
        until = time.perf_counter() + seconds
        while time.perf_counter() < until:
            self.ask()

    def seconds_until_served(self) -> float:
        """Ask until a payment is made, and return how long that took."""
        begun = time.perf_counter()
        while self.ask() != CREATED:
            assert time.perf_counter() - begun < PATIENCE_S
        return time.perf_counter() - begun
