"""Rows of the handbook's file, sent to a service in the order of their times, with labels."""

import datetime as dt
import itertools
import threading
import time
import tomllib
from collections.abc import Iterable, Iterator
from importlib import resources
from typing import Any

from typing_extensions import override

from service.cli.replay.columns import ColumnMap, Request
from service.cli.replay.crew import Crew, How
from service.cli.replay.labels import Label
from service.cli.replay.order import Order
from service.cli.replay.sender import Answer, Sender, read_target
from service.cli.replay.tally import Summary, Tally
from service.kernel.clock import SystemClock
from tests.support.servers import Service, Shop

Row = dict[str, Any]
DAY_S = 86_400


def a_map(name: str) -> ColumnMap:
    """Return a map that comes with the software, its labels known after a day."""
    file = resources.files("service.cli.replay") / "maps" / f"{name}.toml"
    read = tomllib.loads(file.read_text())
    read["label"]["known_after_s"] = DAY_S
    return ColumnMap(read, name=f"{name}, one day")


# Of history frauds alone are told, as a shop hears of them; of the rows after it every label.
ONE_DAY, EVERY_LABEL = a_map("handbook"), a_map("handbook_labelled")


class Listening(Crew):
    """Keeps what the answers said of each payment, by its reference."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.said: dict[str, dict[str, Any]] = {}

    @override
    def _post(self, sender: Sender, path: str, body: dict[str, Any], key: str) -> Answer:
        answer = super()._post(sender, path, body, key)
        if path == "/v1/payments" and answer.is_good:
            self.said[body["reference"]] = answer.body["assessment"]
        return answer


def requests_of(rows: Iterable[Row], *, by: ColumnMap = ONE_DAY) -> Iterator[Request]:
    return (by.labelled(by.request(row, now=None), row) for row in rows)


def send(
    service: Service,
    shop: Shop,
    sent: Iterable[Request | Label],
    *,
    clients: int,
    kill_after: int | None = None,
) -> tuple[Summary, dict[str, dict[str, Any]]]:
    """Send what is given in its order; kill the writer once so many are done."""
    tally = Tally()
    crew = Listening(
        read_target(f"http://127.0.0.1:{service.port}"),
        key=shop.keys["sandbox"],
        how=How(size=clients, does_execute=False, is_in_order=True),
        tally=tally,
        clock=SystemClock(),
    )

    def watch() -> None:
        while kill_after is not None and tally.done < kill_after and crew.is_working():
            time.sleep(0.01)
        if kill_after is not None:
            service.kill_writer()

    crew.start()
    watching = threading.Thread(target=watch)
    watching.start()
    crew.send_all(sent)
    crew.join()
    watching.join()
    return tally.summary(duration_ns=1, is_interrupted=False), crew.said


def ordered(requests: Iterable[Request]) -> Iterator[Request | Label]:
    return Order().by_time(requests, now=SystemClock().now())


def before(sent: Iterator[Request | Label], end: dt.datetime) -> Iterator[Request | Label]:
    """Yield what belongs to history: labels that come later are left to the rest."""
    return itertools.takewhile(lambda one: time_of(one) < end, sent)


def time_of(one: Request | Label) -> dt.datetime:
    return one.known_at if isinstance(one, Label) else one.occurred_at
