import datetime as dt
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from service.http.operations import Metrics, mount_operations, request_line
from service.http.watchers import Answered

ANSWERED = Answered(
    method="POST",
    route="/v1/notes/{id}",
    status=201,
    duration_ns=1_234_567,
    request_id="req_1",
    code=None,
    batch="7",
    merchant_id="mer_1",
)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(CollectorRegistry())


def mounted(house: Any, metrics: Metrics, **probes: Any) -> Any:
    mount_operations(house.app, probes=probes, watched={}, metrics=metrics, log=house.log)
    return house.client


def test_a_process_that_answers_is_alive(house: Any, metrics: Metrics) -> None:
    response = mounted(house, metrics, store=lambda: False).get("/livez")

    assert (response.status_code, response.get_json()) == (200, {"status": "ok"})
    assert response.headers["Cache-Control"] == "no-store"


def test_it_is_ready_when_every_probe_says_so(house: Any, metrics: Metrics) -> None:
    response = mounted(house, metrics, store=lambda: True, writer=lambda: True).get("/readyz")

    assert response.status_code == 200
    assert response.get_json() == {"status": "ok", "checked": ["store", "writer"]}


def test_a_probe_that_says_no_or_breaks_is_named_and_its_reason_is_not(
    house: Any, metrics: Metrics
) -> None:
    def broken() -> bool:
        raise OSError("hunter2")

    response = mounted(house, metrics, store=broken, writer=lambda: False, keys=lambda: True).get(
        "/readyz"
    )

    assert response.status_code == 503
    assert response.get_json() == {"status": "unavailable", "failed": ["store", "writer"]}
    (line,) = house.log_lines()
    assert (line["event"], line["probe"], line["fault"]) == ("probe_failed", "store", ["OSError"])
    assert b"hunter2" not in response.data + house.lines.getvalue()


def test_answers_are_counted_by_template(house: Any, metrics: Metrics) -> None:
    metrics.watch(ANSWERED)
    metrics.watch(ANSWERED)

    response = mounted(house, metrics).get("/metrics")

    text = response.get_data(as_text=True)
    assert response.content_type.startswith("text/plain")
    labels = 'code="",method="POST",route="/v1/notes/{id}",status="201"'
    assert f"payguard_requests_total{{{labels}}} 2.0" in text
    assert 'payguard_request_seconds_bucket{le="0.0025",route="/v1/notes/{id}"} 2.0' in text


def test_two_registries_count_apart() -> None:
    one, other = Metrics(CollectorRegistry()), Metrics(CollectorRegistry())

    one.watch(ANSWERED)

    assert b"201" in one.text()
    assert b"201" not in other.text()


WORKER = """
from pathlib import Path
import sys
from prometheus_client import CollectorRegistry
from service.http.operations import Metrics
from tests_answered import ANSWERED
metrics = Metrics(CollectorRegistry(), folder=Path(sys.argv[1]))
metrics.watch(ANSWERED)
sys.stdout.buffer.write(metrics.text())
"""


def test_processes_that_share_a_folder_count_together(tmp_path: Path) -> None:
    folder = tmp_path / "metrics"
    folder.mkdir()
    made = f"from service.http.watchers import Answered\nANSWERED = {ANSWERED!r}\n"
    (tmp_path / "tests_answered.py").write_text(made)
    root = Path(__file__).parents[3]
    path = os.pathsep.join([str(root), str(tmp_path)])
    environment = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(folder), "PYTHONPATH": path}

    texts = [
        subprocess.run(
            [sys.executable, "-c", WORKER, str(folder)],
            env=environment,
            check=True,
            capture_output=True,
        ).stdout
        for _ in range(2)
    ]

    labels = b'code="",method="POST",route="/v1/notes/{id}",status="201"'
    assert b"payguard_requests_total{" + labels + b"} 2.0" in texts[1]


def test_one_line_is_written_per_answer(house: Any) -> None:
    request_line(house.log, house.clock)(ANSWERED)

    assert house.log_lines() == [
        {
            "at": "2026-11-24T09:00:00Z",
            "event": "request_answered",
            "level": "info",
            "method": "POST",
            "route": "/v1/notes/{id}",
            "status": 201,
            "code": None,
            "duration_ms": 1.234,
            "request_id": "req_1",
            "batch": "7",
            "merchant_id": "mer_1",
        }
    ]


def test_lines_are_json_one_by_one(house: Any) -> None:
    request_line(house.log, house.clock)(ANSWERED)
    request_line(house.log, house.clock)(ANSWERED)

    lines = io.BytesIO(house.lines.getvalue()).readlines()

    assert len(lines) == 2
    assert all(json.loads(line) for line in lines)


def test_those_turned_away_are_told_of_once_a_second_with_their_number(house: Any) -> None:
    watch = request_line(house.log, house.clock)
    turned_away = msgspec.structs.replace(ANSWERED, status=503, code="overloaded", batch=None)
    for _ in range(3):
        watch(turned_away)
    house.clock.advance(dt.timedelta(seconds=1))
    watch(turned_away)

    told = [(line["event"], line.get("requests")) for line in house.log_lines()]
    assert told == [("requests_turned_away", 1), ("requests_turned_away", 3)]


def test_what_somebody_has_to_look_at_stops_no_traffic(house: Any, metrics: Metrics) -> None:
    watched = {"audit_log": lambda: False, "other": lambda: True}
    mount_operations(house.app, probes={}, watched=watched, metrics=metrics, log=house.log)
    client = house.client

    response = client.get("/readyz")

    assert response.status_code == 200
    assert response.get_json()["warnings"] == ["audit_log"]
    said = client.get("/metrics").get_data(as_text=True)
    assert 'payguard_warning{part="audit_log"} 1.0' in said
    assert 'payguard_warning{part="other"} 0.0' in said
