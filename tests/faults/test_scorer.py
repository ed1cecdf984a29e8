"""A strategy's model on a running service: switched under load, damaged, back, and judged again."""

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from risk.models.arrays import ENDING
from risk.models.container import unpack
from risk.strategy import load_strategy
from service.db.places import Database, Place
from service.rooms.models.model import digest, parts_of
from service.rooms.models.tables import SCORERS
from tests.faults.test_strategy_switch import check_switches, in_order
from tests.support.books import Books
from tests.support.checkout import a_payment
from tests.support.places import change, rows_of
from tests.support.scored import (
    a_model,
    a_telling_model,
    activation,
    bring,
    refusal,
    simulated,
    with_model,
)
from tests.support.servers import SCOPES, Service, Shop
from tests.support.traffic import Traffic

pytestmark = pytest.mark.servers

OWN: Final = load_strategy().id
PAUSE_S: Final = 0.4
# As the small model says them.
TYPICAL: Final = (None, "1.5", "3", "4.5", "6", "7.5", "9", "10.5")
# A model that cannot score is tried again after 15 s, and its check takes a second or more.
PATIENCE_S: Final = 60.0
ALL: Final = ["writer", "worker", "front end"]
EXPLAINING: Final = (*SCOPES, "assessments:explain")


def until(is_so: Callable[[], bool]) -> None:
    ends = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < ends
        time.sleep(0.05)


def pay(
    service: Service, shop: Shop, reference: str, mode: Any = "live", **given: Any
) -> dict[str, Any]:
    with service.client(shop, mode) as client:
        answer = client.post("/v1/payments", a_payment(reference, **given))
        assert answer.status == 201, answer.body
        body: dict[str, Any] = answer.body
        return body


def said_of_ten(service: Service, shop: Shop, when: str) -> list[tuple[Any, ...]]:
    """Pay ten amounts, each among people nobody knows, and return what was said of each."""
    found = []
    for minor in range(100, 3_100, 300):
        name = f"{when}-{minor}"
        amount = {"value": minor, "currency": "CNY"}
        made = pay(service, shop, name, amount=amount, payee={"payee_id": f"payee-{name}"})
        judged = made["assessment"]
        told = judged["explanation"]
        found.append((told["model"], told["probabilities"], judged["score"], judged["degraded"]))
    return found


def running(service: Service) -> list[str]:
    """Return which of the three processes live."""
    named = {"writer": service.writer, "worker": service.worker, "front end": service.front_end}
    return [name for name, process in named.items() if process.is_running]


def mapped_by(pid: int) -> set[str]:
    """Return the names of the arrays that a process maps."""
    places = (line.split()[-1] for line in Path(f"/proc/{pid}/maps").read_text().splitlines())
    return {Path(one).name for one in places if one.endswith(ENDING)}


def read(service: Service, shop: Shop, payment_id: str) -> dict[str, Any]:
    with service.client(shop) as client:
        body: dict[str, Any] = client.get(f"/v1/payments/{payment_id}").body
        return body


def damage(place: Place, file: bytes, content: bytes) -> None:
    """Put other bytes in the place of the first part of a file."""
    sha256 = digest(next(parts_of(file)))
    change(
        place,
        "UPDATE model_parts SET content = :content WHERE sha256 = :sha256",
        content=content,
        sha256=sha256,
    )


def noted(place: Place) -> list[tuple[str, str | None]]:
    return [(row["state"], row["why"]) for row in rows_of(place, SCORERS)]


def test_a_model_scores_from_its_strategy_s_commit_on_and_tells_why(
    tmp_path: Path, own_database: Database | None
) -> None:
    pause = threading.Event()
    with Service(tmp_path / "data", database=own_database) as service:
        shop = service.shop(scopes=EXPLAINING)
        with Traffic(service, shop):
            pause.wait(PAUSE_S)
            model_id = bring(service, a_model())
            whole = with_model(a_model())
            service.do(activation(service, 2, whole))
            pause.wait(PAUSE_S)
        made = pay(service, shop, "scored")
        told = read(service, shop, made["id"])["assessment"]
        books = Books(service.settings.database)
        check_switches(in_order(books), [OWN, whole.strategy.id])

    assert made["assessment"]["explanation"]["model"] == model_id
    assert made["assessment"]["score"] == told["score"] is not None
    assert "scorer_down" not in told["degraded"]
    explanation = told["explanation"]
    assert explanation["basis"] == "model"
    assert explanation["probabilities"]["unauthorized"] is not None
    assert explanation["probabilities"]["scam"] is None
    assert explanation["contributions_missing"] is None
    assert 1 <= len(explanation["contributions"]) <= 5
    assert explanation["contributions"][0]["text"]
    manifest = unpack(a_model()).manifest
    usual = dict(zip(manifest.inputs, TYPICAL, strict=True))
    assert all(one["typical"] == usual[one["feature"]] for one in explanation["contributions"])
    sizes = [abs(one["contribution"]) for one in explanation["contributions"]]
    assert sizes == sorted(sizes, reverse=True)
    assert noted(service.settings.database) == [("ready", None)]


def test_what_is_unfit_is_refused_and_the_last_good_model_goes_on_scoring(
    tmp_path: Path, own_database: Database | None
) -> None:
    good, missing, broken = a_telling_model(), a_model(8), a_model(9)
    with Service(tmp_path / "data", database=own_database) as service:
        shop = service.shop(scopes=EXPLAINING)
        model_id = bring(service, good)
        service.do(activation(service, 2, with_model(good)))
        before = said_of_ten(service, shop, "before")
        bring(service, broken)
        damage(service.settings.database, broken, b"nonsense")

        for whole in (
            with_model(missing),
            with_model(broken),
            with_model(good, origin="simulated"),
            with_model(good, inputs=tuple(reversed(unpack(good).manifest.inputs))),
        ):
            assert refusal(service, activation(service, 3, whole)) == "strategy_unfit"
        after = said_of_ten(service, shop, "after")
        living = running(service)
        whys = [
            entry["fields"]["why"]
            for entry in Books(service.settings.database).entries
            if entry["kind"] == "strategy.activated" and entry["outcome"] == "failure"
        ]

    assert whys == ["model_missing", "model_refused", "other_model", "other_model"]
    assert before == after
    assert {one[0] for one in after} == {model_id}
    assert len({str(one[1]) for one in after}) > 1
    assert living == ALL


def test_a_writer_that_starts_with_a_damaged_model_judges_without_it_until_it_is_back(
    tmp_path: Path, own_database: Database | None
) -> None:
    file = a_model()
    with Service(tmp_path / "data", database=own_database) as service:
        place = service.settings.database
        shop = service.shop(scopes=EXPLAINING)
        bring(service, file)
        service.do(activation(service, 2, with_model(file)))
        # It is noted in a batch of its own, behind the answer.
        until(lambda: noted(place) == [("ready", None)])
        damage(place, file, b"nonsense")
        service.kill_writer()
        service.until_ready()

        held = pay(service, shop, "held")
        with service.client(shop) as client:
            readiness = client.get("/readyz").body
        damage(place, file, next(parts_of(file)))
        until(lambda: noted(place)[-1][0] == "ready")
        scored = pay(service, shop, "scored")
        until(lambda: len(read(service, shop, held["id"])["assessments"]) == 2)
        again = read(service, shop, held["id"])

    assert held["assessment"]["degraded"] == ["scorer_down"]
    assert held["status"] == "held"
    assert "scorer" in json.dumps(readiness)
    assert [state for state, _ in noted(place)] == ["ready", "down", "ready"]
    assert scored["assessment"]["score"] is not None
    assert again["assessment"]["score"] is not None
    assert "scorer_down" not in again["assessment"]["degraded"]
    assert again["status"] == scored["status"]


def test_writer_and_every_front_end_map_the_same_arrays_and_nobody_else_does(
    tmp_path: Path, own_database: Database | None
) -> None:
    file = a_telling_model()
    with Service(tmp_path / "data", database=own_database) as service:
        shop = service.shop(scopes=EXPLAINING)
        model_id = bring(service, file)
        service.do(activation(service, 2, with_model(file)))
        made = pay(service, shop, "scored")
        scoring = mapped_by(service.writer.pid)
        front_ends = service.front_end.children()
        # A front end maps a model when it first tells reasons; each connection may meet another.
        until(
            lambda: bool(read(service, shop, made["id"])) and all(map(mapped_by, front_ends)),
        )
        telling = [mapped_by(one) for one in front_ends]
        others = [mapped_by(one.pid) for one in (service.worker, service.front_end)]

    [arrays] = scoring
    assert model_id.removeprefix("sha256:")[:16] in arrays
    assert telling == [scoring, scoring]
    assert others == [set(), set()]


def test_a_live_merchant_is_never_judged_by_a_simulated_model(
    tmp_path: Path, own_database: Database | None
) -> None:
    file = simulated(a_model())
    with Service(tmp_path / "data", database=own_database) as service:
        shop = service.shop(scopes=EXPLAINING, modes=("live", "sandbox"))
        model_id = bring(service, file)
        service.do(activation(service, 2, with_model(file)))
        live = pay(service, shop, "live")
        sandbox = pay(service, shop, "sandbox", mode="sandbox")

    assert live["assessment"]["degraded"] == ["scorer_down"]
    assert live["assessment"]["explanation"]["model"] is None
    assert sandbox["assessment"]["explanation"]["model"] == model_id
