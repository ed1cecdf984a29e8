"""The import contracts of the house, each a function from an import graph to its breaches.

A new contract is one function with the mark; test_imports.py finds it and asks for planted
violations.
"""

import graphlib
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

import grimp

from tests.architecture.house import FLOOR_OF, PACKAGES


class Breach(NamedTuple):
    """One import that should not be there."""

    importer: str
    imported: str
    why: str


Contract = Callable[[grimp.ImportGraph], Iterator[Breach]]
CONTRACTS: Final[dict[str, Contract]] = {}

CRYPTOGRAPHY: Final = ("cryptography", "jwt", "pyotp", "webauthn")
WEB: Final = ("flask", "werkzeug", "gunicorn")
DATABASE: Final = ("sqlalchemy", "alembic", "sqlite3", "psycopg")
ANALYSIS: Final = ("pandas", "scipy", "pyarrow", "dask")
NOT_SERVING: Final = ("risk.offline", "risk.simulation")
ROOTS: Final = (
    "service.wsgi",
    "service.writer.main",
    "service.worker.main",
    "service.demo",
    "service.cli",
    # A process of its own: what it loads may end it.
    "service.scoring.child",
)
# These put rooms together: they name handlers, jobs, routes and tables of all of them.
ASSEMBLERS: Final = (
    "service.wsgi",
    "service.writer",
    "service.worker",
    "service.demo",
    "service.cli",
    "service.tables",
)


def contract(check: Contract) -> Contract:
    """Make a check one of the house's contracts."""
    CONTRACTS[check.__name__] = check
    return check


def under(module: str, *packages: str) -> bool:
    """Say whether a module is one of these packages or lies inside one."""
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def ours(graph: grimp.ImportGraph) -> list[str]:
    """Return our own modules, in order."""
    return sorted(module for module in graph.modules if under(module, *PACKAGES))


def imports(graph: grimp.ImportGraph, *packages: str) -> Iterator[tuple[str, str]]:
    """Yield each direct import made inside these packages, in order."""
    for importer in ours(graph):
        if under(importer, *packages):
            for imported in sorted(graph.find_modules_directly_imported_by(importer)):
                yield importer, imported


def forbid(
    graph: grimp.ImportGraph,
    sources: tuple[str, ...],
    targets: tuple[str, ...],
    why: str,
    *,
    but: tuple[str, ...] = (),
) -> Iterator[Breach]:
    """Yield each direct import from a source, outside `but`, to a target."""
    for importer, imported in imports(graph, *sources):
        if under(imported, *targets) and not under(importer, *but):
            yield Breach(importer, imported, why)


def reached(graph: grimp.ImportGraph, start: str) -> dict[str, str]:
    """Return each module that importing `start` loads, and who caused it.

    Importing a module also runs the packages it lies in, which a graph of imports leaves out.
    """
    cause = {start: start}
    waiting = [start]
    while waiting:
        module = waiting.pop()
        parts = module.split(".")
        parents = {".".join(parts[:depth]) for depth in range(1, len(parts))}
        for found in (parents & graph.modules) | graph.find_modules_directly_imported_by(module):
            if found not in cause:
                cause[found] = module
                waiting.append(found)
    return cause


def chain(cause: dict[str, str], module: str) -> str:
    """Return how a module was reached, first importer first."""
    steps = [module]
    while cause[steps[-1]] != steps[-1]:
        steps.append(cause[steps[-1]])
    return " > ".join(reversed(steps))


def room_of(module: str) -> tuple[str, str] | None:
    """Return the room and the file of a module in a room; the file of a package itself is ''."""
    parts = module.split(".")
    if parts[:2] != ["service", "rooms"] or len(parts) == len(["service", "rooms"]):
        return None
    return parts[2], parts[3] if len(parts) > len(["service", "rooms", "room"]) else ""


def in_files(graph: grimp.ImportGraph, *files: str) -> tuple[str, ...]:
    """Return the modules that are these files of any room."""
    return tuple(
        module for module in ours(graph) if (place := room_of(module)) and place[1] in files
    )


# The three packages.


@contract
def packages(graph: grimp.ImportGraph) -> Iterator[Breach]:
    """Service stands on risk and keys, which know neither each other nor service."""
    yield from forbid(graph, ("keys",), ("risk", "service"), "keys imports nothing else of ours")
    yield from forbid(graph, ("risk",), ("keys", "service"), "risk imports nothing else of ours")


@contract
def serving_risk_is_pure(graph: grimp.ImportGraph) -> Iterator[Breach]:
    """What judges a payment knows no web, no database, no analysis library and no training."""
    targets = (*WEB, *DATABASE, *ANALYSIS, *NOT_SERVING)
    why = "risk judges with facts alone"
    yield from forbid(graph, ("risk",), targets, why, but=NOT_SERVING)


@contract
def one_importer_of_cryptography(graph: grimp.ImportGraph) -> Iterator[Breach]:
    """Primitives have one door, so that one review covers every use of them."""
    why = "only keys.hazmat imports cryptographic libraries"
    yield from forbid(graph, PACKAGES, CRYPTOGRAPHY, why, but=("keys.hazmat",))


@contract
def hazmat_stays_inside_keys(graph: grimp.ImportGraph) -> Iterator[Breach]:
    """The rest of the house uses recipes, not primitives."""
    yield from forbid(graph, PACKAGES, ("keys.hazmat",), "use a recipe of keys", but=("keys",))


# The processes.


@contract
def front_end(graph: grimp.ImportGraph) -> Iterator[Breach]:
    """The front end reaches nothing that changes state, not even indirectly."""
    if "service.wsgi" not in graph.modules:
        return
    cause = reached(graph, "service.wsgi")
    for module in sorted(cause):
        place = room_of(module)
        changes_state = place and place[1] in {"commands", "store", "jobs"}
        if changes_state or under(module, "service.writer"):
            yield Breach("service.wsgi", module, f"front ends only read: {chain(cause, module)}")


@contract
def writer(graph: grimp.ImportGraph) -> Iterator[Breach]:
    """The writer reaches no route and no web framework, not even indirectly."""
    blamed: set[str] = set()
    for start in (module for module in ours(graph) if under(module, "service.writer")):
        cause = reached(graph, start)
        for module in sorted(cause.keys() - blamed):
            place = room_of(module)
            if (place and place[1] == "api") or under(module, *WEB, "service.http"):
                blamed.add(module)
                yield Breach(start, module, f"the writer has no web: {chain(cause, module)}")


@contract
def roots(graph: grimp.ImportGraph) -> Iterator[Breach]:
    """Nothing but a root imports a root."""
    yield from forbid(graph, PACKAGES, ROOTS, "roots are started, not imported", but=ROOTS)


@contract
def ground(graph: grimp.ImportGraph) -> Iterator[Breach]:
    """What rooms stand on does not know the rooms; only what puts them together does."""
    for importer, imported in imports(graph, "service"):
        inside = under(importer, "service.rooms", *ASSEMBLERS)
        if under(imported, "service.rooms") and not inside:
            yield Breach(importer, imported, "only a root or another room may know a room")
    below = ("service.db", "service.unit_of_work", "service.state", "service.kernel")
    yield from forbid(graph, below, ("service.http", *WEB), "state changes without a web")


@contract
def kernel(graph: grimp.ImportGraph) -> Iterator[Breach]:
    """The kernel is what everything may use, so it uses nothing of the service."""
    for importer, imported in imports(graph, "service.kernel"):
        if under(imported, "service") and not under(imported, "service.kernel"):
            yield Breach(importer, imported, "kernel imports nothing else of service")


@contract
def serving_does_not_train(graph: grimp.ImportGraph) -> Iterator[Breach]:
    """Training and simulation are never loaded by a process on the payment path."""
    for start in {"service.wsgi", "service.writer.main", "service.worker.main"} & graph.modules:
        cause = reached(graph, start)
        for module in sorted(cause):
            if under(module, *NOT_SERVING):
                yield Breach(start, module, f"never when serving: {chain(cause, module)}")


@contract
def one_importer_of_xgboost(graph: grimp.ImportGraph) -> Iterator[Breach]:
    """XGBoost dies of damaged models and is slow by the row: offline asks it, serving never."""
    why = "only risk.offline imports xgboost"
    yield from forbid(graph, PACKAGES, ("xgboost",), why, but=("risk.offline",))
    for start in {"service.wsgi", "service.writer.main", "service.worker.main"} & graph.modules:
        cause = reached(graph, start)
        if "xgboost" in cause:
            yield Breach(start, "xgboost", f"never when serving: {chain(cause, 'xgboost')}")


# The rooms.


# What front ends may see of rooms below: `public` reaches what writes, so it is not for them.
READ_SIDE: Final = frozenset({("queries", "tables"), ("queries", "queries"), ("api", "queries")})


@contract
def floors(graph: grimp.ImportGraph) -> Iterator[Breach]:
    """A room knows rooms below it: writers by `public`, front ends by `queries` (and tables)."""
    for importer, imported in imports(graph, "service.rooms"):
        source, target = room_of(importer), room_of(imported)
        if source is None or target is None or source[0] == target[0]:
            continue
        if unknown := {source[0], target[0]} - FLOOR_OF.keys():
            yield Breach(importer, imported, f"no floor for {', '.join(sorted(unknown))}")
        elif FLOOR_OF[target[0]] >= FLOOR_OF[source[0]]:
            yield Breach(importer, imported, f"{target[0]} is not below {source[0]}")
        elif target[1] != "public" and (source[1], target[1]) not in READ_SIDE:
            yield Breach(importer, imported, "other rooms are reached through `public`")


@contract
def contract_files(graph: grimp.ImportGraph) -> Iterator[Breach]:
    """What a room takes and gives is plain data, so that every process can load it."""
    sources = in_files(graph, "contract")
    allowed = ("service.kernel", "service.unit_of_work.commands")
    if sources:
        for importer, imported in imports(graph, *sources):
            if under(imported, *PACKAGES, *WEB, *DATABASE) and not under(imported, *allowed):
                yield Breach(importer, imported, f"contract.py imports only {', '.join(allowed)}")


@contract
def pure_room_files(graph: grimp.ImportGraph) -> Iterator[Breach]:
    """Values and moves decide without a database, a web or a file that has one."""
    sources = in_files(graph, "model", "moves")
    targets = (
        *(*WEB, *DATABASE, "service.db", "service.http", "service.state"),
        *in_files(graph, "tables", "store", "commands", "queries", "api", "jobs"),
    )
    if sources:
        yield from forbid(graph, sources, targets, "model.py and moves.py are pure")


@contract
def sql_in_rooms(graph: grimp.ImportGraph) -> Iterator[Breach]:
    """SQL stands in tables, store and queries, and nowhere else in a room."""
    sql = in_files(graph, "tables", "store", "queries")
    why = "in a room only tables.py, store.py and queries.py speak SQL"
    yield from forbid(graph, ("service.rooms",), DATABASE, why, but=sql)


@contract
def web_in_rooms(graph: grimp.ImportGraph) -> Iterator[Breach]:
    """Only a room's routes know the web; its queries may speak of pages and cursors."""
    routes = in_files(graph, "api")
    why = "in a room only api.py knows the web"
    yield from forbid(graph, ("service.rooms",), WEB, why, but=routes)
    readers = (*routes, *in_files(graph, "queries"))
    yield from forbid(graph, ("service.rooms",), ("service.http",), why, but=readers)


@contract
def inside_a_room(graph: grimp.ImportGraph) -> Iterator[Breach]:
    """Inside a room too, reading never reaches writing, and nothing reaches the routes."""
    for importer, imported in imports(graph, "service.rooms"):
        source, target = room_of(importer), room_of(imported)
        if source is None or target is None or source[0] != target[0]:
            continue
        if source[1] in {"api", "queries"} and target[1] in {"commands", "store", "jobs"}:
            yield Breach(importer, imported, "front ends' files reach no writer's files")
        elif target[1] == "api" and source[1] != "api":
            yield Breach(importer, imported, "nothing in a room imports its routes")


# The companions.


@contract
def companions(graph: grimp.ImportGraph) -> Iterator[Breach]:
    """Companions share a contract with the core and with each other, and nothing else."""
    for importer, imported in imports(graph, *PACKAGES):
        inside, outside = (companion_of(module) for module in (importer, imported))
        if inside and inside != outside and under(imported, *PACKAGES):
            if not under(imported, "service.companions.contracts", "service.kernel"):
                yield Breach(importer, imported, "a companion knows contracts and kernel only")
        elif outside and not inside and not under(importer, "service.wsgi", "service.demo"):
            yield Breach(importer, imported, "only wsgi and demo mount a companion")


def companion_of(module: str) -> str | None:
    """Return the companion that a module belongs to; the shared contracts belong to none."""
    parts = module.split(".")
    if parts[:2] != ["service", "companions"] or len(parts) == len(["service", "companions"]):
        return None
    return None if parts[2] == "contracts" else parts[2]


# Everywhere.


@contract
def no_circles(graph: grimp.ImportGraph) -> Iterator[Breach]:
    """No module imports itself by way of others."""
    sorter = graphlib.TopologicalSorter[str]()
    for importer, imported in imports(graph, *PACKAGES):
        sorter.add(importer, imported)
    try:
        sorter.prepare()
    except graphlib.CycleError as error:
        circle: list[str] = error.args[1]
        yield Breach(circle[-1], circle[-2], f"a circle: {' > '.join(reversed(circle))}")
