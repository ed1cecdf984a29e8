"""Canonical JSON, the log's tree and key thumbprints against vectors that others wrote."""

import base64
import json
from functools import reduce
from pathlib import Path

import pytest

from keys import canonical, translog
from keys.token_keys import thumbprint

JCS = ["arrays", "french", "structures", "unicode", "values", "weird"]


@pytest.mark.parametrize("name", JCS)
def test_jcs(material: Path, name: str) -> None:
    folder = material / "vectors" / "jcs"
    value = json.loads((folder / "input" / f"{name}.json").read_text())

    text = canonical.encode(value)

    assert text == bytes.fromhex((folder / "outhex" / f"{name}.txt").read_text())
    assert text == (folder / "output" / f"{name}.json").read_bytes().rstrip(b"\n")


def test_no_jcs_file_is_left_out(material: Path) -> None:
    assert sorted(path.stem for path in (material / "vectors" / "jcs" / "input").iterdir()) == JCS


@pytest.mark.parametrize("size", [1, 2, 4, 8])
def test_roots_of_full_trees_by_leaf_and_node_hashes(material: Path, size: int) -> None:
    tree = json.loads((material / "vectors" / "merkle" / "rfc6962_reference_tree.json").read_text())
    leaves = [translog.leaf_hash(bytes.fromhex(leaf)) for leaf in tree["leaf_inputs_hex"][:size]]

    def level(hashes: list[bytes], _: int) -> list[bytes]:
        return [translog.node_hash(*hashes[at : at + 2]) for at in range(0, len(hashes), 2)]

    (root,) = reduce(level, range(size.bit_length() - 1), leaves)

    assert root.hex() == tree["roots_hex_by_size"][size]


def test_rfc_9449_thumbprint(material: Path) -> None:
    figures = json.loads((material / "vectors" / "dpop" / "vectors.json").read_text())
    header = figures["proofs"][0]["jwt"].split(".")[0]
    jwk = json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))["jwk"]

    assert thumbprint(jwk) == figures["jkt"]
