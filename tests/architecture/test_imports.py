"""Who may import whom: the contracts hold on the tree, and each is known to fail when violated."""

import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Final

import grimp
import pytest

from tests.architecture.contracts import CONTRACTS
from tests.architecture.house import (
    FLOORS,
    MIGRATIONS,
    PACKAGES,
    ROOT,
    graph_of,
    import_graph,
    module_name,
    python_files,
)

pytestmark = pytest.mark.style

# For each contract: imports that break it, each set alone, as "importer imported".
PLANTED: Final[dict[str, list[tuple[str, ...]]]] = {
    "packages": [
        ("keys.sealing service.kernel.clock",),
        ("keys.sealing risk.facts",),
        ("risk.engine keys.entropy",),
        ("risk.engine service",),
    ],
    "serving_risk_is_pure": [
        ("risk.engine flask",),
        ("risk.features.counts sqlalchemy",),
        ("risk.policy.ladder risk.offline.train",),
        ("risk risk.simulation",),
        ("risk.models.card pandas",),
    ],
    "one_importer_of_cryptography": [
        ("keys.sealing cryptography",),
        ("service.http.door jwt",),
        ("keys.otp pyotp",),
        ("risk.engine webauthn",),
        ("keys.hazmatters cryptography",),
    ],
    "hazmat_stays_inside_keys": [
        ("service.rooms.payments.commands keys.hazmat.aead",),
        ("risk.engine keys.hazmat",),
    ],
    "front_end": [
        ("service.wsgi service.rooms.payments.commands",),
        ("service.wsgi service.rooms.payments.jobs",),
        ("service.wsgi service.writer.inbox",),
        (
            "service.wsgi service.rooms.payments.api",
            "service.rooms.payments.api service.rooms.payments.queries",
            "service.rooms.payments.queries service.rooms.payments.store",
        ),
        # By way of the file of a package, which an import of anything inside it runs.
        (
            "service.wsgi service.rooms.payments.api",
            "service.rooms.payments service.rooms.payments.commands",
        ),
    ],
    "writer": [
        ("service.writer.main flask",),
        ("service.writer.loop service.rooms.payments.api",),
        ("service.writer.main service.kernel.clock", "service.kernel.clock werkzeug"),
        (
            "service.writer.main service.rooms.payments.commands",
            "service.rooms.payments.commands service.http.problems",
        ),
    ],
    "roots": [
        ("service.http.door service.wsgi",),
        ("service.rooms.payments.api service.demo",),
        ("service.writer.loop service.writer.main",),
        ("service.settings service.cli",),
    ],
    "ground": [
        ("service.http.door service.rooms.merchants.public",),
        ("service.db.metadata service.rooms.payments.tables",),
        ("service.unit_of_work.run_batch service.rooms.payments",),
        ("service.state.overlay service.rooms.payers.model",),
        ("service.settings service.rooms.payers.model",),
        ("service.unit_of_work.run_batch service.http.problems",),
        ("service.db.engine flask",),
    ],
    "kernel": [("service.kernel.money service.settings",), ("service.kernel.ids service.db",)],
    "serving_does_not_train": [
        ("service.wsgi service.rooms.console.api", "service.rooms.console.api risk.offline.train"),
        ("service.writer.main risk.simulation",),
    ],
    "one_importer_of_xgboost": [
        ("risk.models.scorer xgboost",),
        ("service.cli.model xgboost",),
        ("service.worker.main risk.offline.check", "risk.offline.check xgboost"),
        ("service.writer.main risk.engine", "risk.engine xgboost.core"),
    ],
    "floors": [
        ("service.rooms.challenges.commands service.rooms.payments.public",),
        ("service.rooms.merchants.commands service.rooms.payers.public",),
        ("service.rooms.payments.commands service.rooms.payers.store",),
        ("service.rooms.payments.store service.rooms.payers.tables",),
        ("service.rooms.payments.queries service.rooms.payers.store",),
        ("service.rooms.payments.api service.rooms.merchants",),
        ("service.rooms.payments.queries service.rooms.cases.tables",),
        ("service.rooms.payments.commands service.rooms.elsewhere.public",),
    ],
    "contract_files": [
        ("service.rooms.payments.contract service.rooms.payments.model",),
        ("service.rooms.payments.contract service.unit_of_work.outcome",),
        ("service.rooms.payments.contract service.http.contract",),
        ("service.rooms.payments.contract risk.facts",),
        ("service.rooms.payments.contract sqlalchemy",),
    ],
    "pure_room_files": [
        ("service.rooms.payments.moves service.rooms.payments.store",),
        ("service.rooms.payments.model sqlalchemy",),
        ("service.rooms.payers.model service.db.statements",),
    ],
    "sql_in_rooms": [
        ("service.rooms.payments.commands sqlalchemy",),
        ("service.rooms.payments.api sqlite3",),
        ("service.rooms.factors.kinds.otp sqlalchemy",),
    ],
    "web_in_rooms": [
        ("service.rooms.payments.commands flask",),
        ("service.rooms.payments.queries werkzeug",),
        ("service.rooms.payments.public service.http.problems",),
    ],
    "inside_a_room": [
        ("service.rooms.payments.queries service.rooms.payments.store",),
        ("service.rooms.payments.api service.rooms.payments.commands",),
        ("service.rooms.payments.jobs service.rooms.payments.api",),
    ],
    "companions": [
        ("service.companions.pricing.quotes service.companions.inventory.stock",),
        ("service.companions.pricing.quotes service.rooms.payments.public",),
        ("service.companions.pricing.quotes risk.facts",),
        ("service.rooms.payments.api service.companions.pricing.quotes",),
        ("service.companions.contracts.pricing service.companions.pricing.quotes",),
    ],
    "no_circles": [
        ("risk.engine risk.facts", "risk.facts risk.windows", "risk.windows risk.engine"),
        ("service.db.engine service.db.statements", "service.db.statements service.db.engine"),
    ],
}

# One house that keeps every contract; imports that look much like those above.
SOUND: Final = (
    "service.wsgi service.rooms.payments.api",
    "service.wsgi service.companions.pricing.app",
    "service.wsgi service.unit_of_work.carrier",
    "service.wsgi flask",
    "service.demo service.wsgi",
    "service.demo service.writer.main",
    "service.cli service.demo",
    "service.cli risk.offline.train",
    "service.writer.main service.writer.loop",
    "service.writer.loop service.rooms.payments.commands",
    "service.worker.main service.rooms.payments.jobs",
    "service.rooms.payments.api service.rooms.payments.queries",
    "service.rooms.payments.api service.rooms.payments.contract",
    "service.rooms.payments.api service.http.door",
    "service.rooms.payments.api flask",
    "service.rooms.payments.queries service.rooms.payers.tables",
    "service.rooms.payments.queries service.http.paging",
    "service.rooms.payments.queries sqlalchemy",
    "service.rooms.payments.commands service.rooms.challenges.public",
    "service.rooms.payments.commands service.rooms.payments.store",
    "service.rooms.payments.commands service.rooms.payments.moves",
    "service.rooms.payments.commands service.unit_of_work.outcome",
    "service.rooms.payments.commands keys.tokens",
    "service.rooms.payments.contract service.kernel.errors",
    "service.rooms.payments.contract service.unit_of_work.commands",
    "service.rooms.payments.moves service.rooms.payments.model",
    "service.rooms.payments.moves service.unit_of_work.outcome",
    "service.rooms.payments.store sqlalchemy",
    "service.rooms.payments.store service.db.statements",
    "service.rooms.assessments.public risk.engine",
    "service.rooms.challenges.public service.rooms.challenges.store",
    "service.rooms.console.commands service.rooms.payments.public",
    "service.companions.pricing.app service.companions.pricing.quotes",
    "service.companions.pricing.quotes service.companions.contracts.pricing",
    "service.companions.pricing.quotes sqlalchemy",
    "service.rooms.payments.jobs service.companions.contracts.pricing",
    "service.http.door flask",
    "service.http.door service.kernel.errors",
    "service.unit_of_work.run_batch service.db.engine",
    "service.db.engine sqlalchemy",
    "service.state.overlay risk.windows",
    "keys.sealing keys.hazmat.aead",
    "keys.hazmat.aead cryptography",
    "risk.engine risk.features",
    "risk.models.scorer numpy",
    "risk.offline.train pandas",
    "risk.offline.train risk.engine",
    "risk.offline.check xgboost",
    "risk.offline.check risk.models.model",
    "service.cli risk.offline.check",
)


def pairs(lines: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(importer, imported) for importer, imported in (line.split() for line in lines)]


@pytest.mark.parametrize("name", CONTRACTS)
def test_the_house_keeps_the_contract(name: str) -> None:
    breaches = list(CONTRACTS[name](import_graph()))

    assert not breaches, "\n".join(f"{b.importer} imports {b.imported}: {b.why}" for b in breaches)


@pytest.mark.parametrize("name", CONTRACTS)
def test_a_sound_house_breaks_no_contract(name: str) -> None:
    assert not list(CONTRACTS[name](graph_of(pairs(SOUND))))


@pytest.mark.parametrize(
    ("name", "planted"), [(name, planted) for name, sets in PLANTED.items() for planted in sets]
)
def test_a_planted_violation_is_found(name: str, planted: tuple[str, ...]) -> None:
    assert list(CONTRACTS[name](graph_of(pairs(planted))))
    assert list(CONTRACTS[name](graph_of(pairs(SOUND + planted))))


def test_every_contract_has_planted_violations() -> None:
    assert PLANTED.keys() == CONTRACTS.keys()


def test_no_room_stands_on_two_floors() -> None:
    rooms = [room for floor in FLOORS for room in floor]

    assert len(rooms) == len(set(rooms))


def test_the_graph_holds_every_file_of_the_house() -> None:
    files = {
        module_name(path)
        for path in python_files(*PACKAGES)
        if not path.as_posix().startswith(MIGRATIONS)
    }

    assert files <= import_graph().modules, "a folder without __init__.py hides from the contracts"


def test_imports_in_real_files_reach_the_contracts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = tmp_path / "planted_house" / "rooms"
    room.mkdir(parents=True)
    (tmp_path / "planted_house" / "__init__.py").touch()
    (room / "__init__.py").touch()
    (room / "late.py").write_text(
        textwrap.dedent("""\
            def run():
                from planted_house import rooms
                import flask.views
            """)
    )
    monkeypatch.syspath_prepend(tmp_path)

    graph = grimp.build_graph("planted_house", include_external_packages=True, cache_dir=None)

    assert graph.find_modules_directly_imported_by("planted_house.rooms.late") == {
        "planted_house.rooms",
        "flask",
    }


def test_a_serving_root_loads_only_what_its_contracts_let_it_reach() -> None:
    """What really got loaded, so that an import by name at run time cannot pass the contracts."""
    roots = {"service.wsgi", "service.writer.main"} & import_graph().modules

    loaded = {root: modules_loaded_by(root) - {root} for root in roots}

    graphs = [graph_of((root, module) for module in loaded[root]) for root in roots]
    assert not [
        breach
        for graph in graphs
        for name in (
            "front_end",
            "writer",
            "serving_does_not_train",
            "one_importer_of_xgboost",
        )
        for breach in CONTRACTS[name](graph)
    ]


def modules_loaded_by(module: str) -> set[str]:
    script = f"import sys, json, {module}; print(json.dumps(list(sys.modules)))"
    run = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, check=False, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    return set(json.loads(run.stdout.splitlines()[-1]))
