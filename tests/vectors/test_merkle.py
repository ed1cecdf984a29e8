"""The log's tree, proofs and their refusals against transparency-dev's vectors: all 518."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from keys import translog
from keys.translog import Frontier, ProofFails


def _hash(encoded: str) -> bytes:
    return base64.b64decode(encoded)


def _proof(case: dict[str, Any]) -> list[bytes]:
    return [_hash(one) for one in case["proof"] or []]


def _inclusion(case: dict[str, Any]) -> None:
    translog.verify_inclusion(
        index=case["leafIdx"],
        size=case["treeSize"],
        leaf=_hash(case["leafHash"]),
        proof=_proof(case),
        root=_hash(case["root"]),
    )


def _consistency(case: dict[str, Any]) -> None:
    translog.verify_consistency(
        old=case["size1"],
        new=case["size2"],
        proof=_proof(case),
        old_root=_hash(case["root1"]),
        new_root=_hash(case["root2"]),
    )


def _subtree_inclusion(case: dict[str, Any]) -> None:
    translog.verify_subtree_inclusion(
        index=case["leafIdx"],
        span=(case["start"], case["end"]),
        leaf=_hash(case["leafHash"]),
        proof=_proof(case),
        root=_hash(case["root"]),
    )


def _subtree_consistency(case: dict[str, Any]) -> None:
    translog.verify_subtree(
        span=(case["start"], case["end"]),
        size=case["size"],
        proof=_proof(case),
        subtree_root=_hash(case["root1"]),
        root=_hash(case["root2"]),
    )


KINDS: list[tuple[str, int, Callable[[dict[str, Any]], None]]] = [
    ("inclusion", 98, _inclusion),
    ("consistency", 98, _consistency),
    ("subtreeinclusion", 204, _subtree_inclusion),
    ("subtreeconsistency", 118, _subtree_consistency),
]


@pytest.mark.parametrize(("name", "count", "check"), KINDS, ids=[kind[0] for kind in KINDS])
def test_every_case_is_taken_or_refused_as_it_should(
    material: Path, name: str, count: int, check: Callable[[dict[str, Any]], None]
) -> None:
    cases = json.loads((material / "vectors" / "merkle" / f"{name}.json").read_text())
    wrong = []
    for case in cases:
        try:
            check(case)
        except ProofFails:
            refused = True
        else:
            refused = False
        if refused != case["wantErr"]:
            wrong.append(case["file"])

    assert len(cases) == count
    assert wrong == []


def test_roots_of_every_size(material: Path) -> None:
    tree = json.loads((material / "vectors" / "merkle" / "rfc6962_reference_tree.json").read_text())
    frontier = Frontier.empty()
    roots = [frontier.root().hex()]
    nodes = {}
    for leaf in tree["leaf_inputs_hex"]:
        for node in frontier.append(translog.leaf_hash(bytes.fromhex(leaf))):
            nodes[node.level, node.index] = node.hash
        roots.append(frontier.root().hex())

    assert roots == tree["roots_hex_by_size"]
    again = [translog.root_from(lambda lv, at: nodes[lv, at], size).hex() for size in range(9)]
    assert again == roots


def test_proofs_that_we_make_are_those_of_the_happy_paths(material: Path) -> None:
    folder = material / "vectors" / "merkle"
    tree = json.loads((folder / "rfc6962_reference_tree.json").read_text())
    frontier, nodes = Frontier.empty(), {}
    for leaf in tree["leaf_inputs_hex"]:
        for node in frontier.append(translog.leaf_hash(bytes.fromhex(leaf))):
            nodes[node.level, node.index] = node.hash

    def node_at(level: int, index: int) -> bytes:
        return nodes[level, index]

    held = 0
    for case in json.loads((folder / "inclusion.json").read_text()):
        if case["desc"] == "happy path":
            made = translog.inclusion_proof(case["leafIdx"], case["treeSize"], node_at)
            assert list(made) == _proof(case)
            held += 1
    for case in json.loads((folder / "consistency.json").read_text()):
        if case["desc"] == "happy path":
            made = translog.consistency_proof(case["size1"], case["size2"], node_at)
            assert list(made) == _proof(case)
            held += 1
    assert held >= 10
