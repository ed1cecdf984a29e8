"""The tree's growth and proofs against the definitions of RFC 9162, written out as recursion."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys import translog
from keys.translog import Frontier, ProofFails, leaf_hash, node_hash

LEAVES = [leaf_hash(str(number).encode()) for number in range(70)]


def root_of(leaves: list[bytes]) -> bytes:
    """Return MTH of section 2.1.1."""
    if not leaves:
        return translog.EMPTY_ROOT
    if len(leaves) == 1:
        return leaves[0]
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return node_hash(root_of(leaves[:half]), root_of(leaves[half:]))


class Kept:
    """A tree grown leaf by leaf, and the complete nodes that came to be."""

    def __init__(self, size: int) -> None:
        self.nodes: dict[tuple[int, int], bytes] = {}
        self.asked: list[tuple[int, int]] = []
        self.frontier = Frontier.empty()
        for leaf in LEAVES[:size]:
            for node in self.frontier.append(leaf):
                assert (node.level, node.index) not in self.nodes
                self.nodes[node.level, node.index] = node.hash

    def node(self, level: int, index: int) -> bytes:
        self.asked.append((level, index))
        return self.nodes[level, index]


KEPT = Kept(len(LEAVES))

sizes = st.integers(1, len(LEAVES))


@given(st.integers(0, len(LEAVES)))
def test_root_by_growth_by_nodes_and_by_definition_are_one(size: int) -> None:
    kept = Kept(size)

    assert kept.frontier.size == size
    assert kept.frontier.root() == root_of(LEAVES[:size])
    assert translog.root_from(KEPT.node, size) == root_of(LEAVES[:size])
    assert set(kept.nodes) <= set(KEPT.nodes)


@given(sizes)
def test_root_asks_for_the_nodes_that_were_named(size: int) -> None:
    KEPT.asked.clear()
    translog.root_from(KEPT.node, size)
    assert tuple(KEPT.asked) == translog.nodes_of_root(size)


@given(sizes, st.data())
def test_inclusion_proof_verifies_for_its_leaf_alone(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    KEPT.asked.clear()
    proof = translog.inclusion_proof(index, size, KEPT.node)
    root = root_of(LEAVES[:size])

    assert tuple(KEPT.asked) == translog.nodes_of_inclusion(index, size)
    translog.verify_inclusion(index=index, size=size, leaf=LEAVES[index], proof=proof, root=root)
    other = data.draw(st.integers(0, size - 1).filter(lambda one: one != index) | st.none())
    if other is not None:
        with pytest.raises(ProofFails):
            translog.verify_inclusion(
                index=other, size=size, leaf=LEAVES[index], proof=proof, root=root
            )


@given(sizes, st.data())
def test_consistency_proof_verifies_for_its_trees_alone(new: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, new))
    KEPT.asked.clear()
    proof = translog.consistency_proof(old, new, KEPT.node)
    roots = root_of(LEAVES[:old]), root_of(LEAVES[:new])

    assert tuple(KEPT.asked) == translog.nodes_of_consistency(old, new)
    translog.verify_consistency(old=old, new=new, proof=proof, old_root=roots[0], new_root=roots[1])
    rewritten = root_of([leaf_hash(b"rewritten"), *LEAVES[1:old]])
    with pytest.raises(ProofFails):
        translog.verify_consistency(
            old=old, new=new, proof=proof, old_root=rewritten, new_root=roots[1]
        )


@given(sizes, st.data())
def test_a_proof_with_a_hash_more_less_or_changed_fails(new: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, new))
    proof = list(translog.consistency_proof(old, new, KEPT.node))
    at = data.draw(st.integers(0, len(proof)))
    changed = [[*proof[:at], LEAVES[0], *proof[at:]]]
    if at < len(proof):
        changed += [proof[:at] + proof[at + 1 :], [*proof[:at], bytes(32), *proof[at + 1 :]]]
        changed += [[*proof[:at], bytes(31), *proof[at + 1 :]]]

    for one in changed:
        with pytest.raises(ProofFails):
            translog.verify_consistency(
                old=old,
                new=new,
                proof=one,
                old_root=root_of(LEAVES[:old]),
                new_root=root_of(LEAVES[:new]),
            )


@given(st.integers(0, len(LEAVES) - 1))
def test_a_packed_frontier_grows_on_as_the_first_would(size: int) -> None:
    frontier = Kept(size).frontier
    again = Frontier.unpack(frontier.pack())

    assert again.hashes == frontier.hashes
    assert again.append(LEAVES[size]) == frontier.append(LEAVES[size])
    assert again.root() == root_of(LEAVES[: size + 1])


@pytest.mark.parametrize("packed", [b"", bytes(7), bytes(8) + bytes(32), bytes(7) + b"\x01"])
def test_bytes_that_are_no_frontier_are_refused(packed: bytes) -> None:
    with pytest.raises(ValueError, match="tree"):
        Frontier.unpack(packed)


def test_a_leaf_of_another_length_is_refused_and_nothing_grew() -> None:
    frontier = Frontier.empty()
    with pytest.raises(ValueError, match="leaf"):
        frontier.append(bytes(31))
    with pytest.raises(ValueError, match="bytes"):
        Frontier(1, [bytes(31)])
    assert frontier.size == 0


@pytest.mark.parametrize(("old", "new"), [(0, 4), (5, 4), (-1, 4)])
def test_no_consistency_proof_from_nothing_or_from_more(old: int, new: int) -> None:
    with pytest.raises(ValueError, match="older tree"):
        translog.consistency_proof(old, new, KEPT.node)
    with pytest.raises(ProofFails):
        translog.verify_consistency(
            old=old, new=new, proof=[], old_root=translog.EMPTY_ROOT, new_root=root_of(LEAVES[:4])
        )


@pytest.mark.parametrize(("index", "size"), [(4, 4), (-1, 4), (0, 0)])
def test_no_inclusion_proof_for_a_leaf_outside(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="not in the tree"):
        translog.inclusion_proof(index, size, KEPT.node)


def test_no_root_of_a_size_below_zero() -> None:
    with pytest.raises(ValueError, match="leaf"):
        translog.root_from(KEPT.node, -1)


@given(st.integers(0, 6), st.data())
def test_a_subtree_is_in_its_tree(level: int, data: st.DataObject) -> None:
    width = 1 << level
    begin = width * data.draw(st.integers(0, (len(LEAVES) - 1) // width))
    end = data.draw(st.integers(begin + 1, min(begin + width, len(LEAVES))))
    leaves = LEAVES[begin:end]
    index = data.draw(st.integers(begin, end - 1))
    small = {}
    frontier = Frontier.empty()
    for leaf in leaves:
        small.update({(node.level, node.index): node.hash for node in frontier.append(leaf)})
    proof = translog.inclusion_proof(index - begin, end - begin, lambda lv, at: small[lv, at])

    assert translog.is_subtree((begin, end))
    translog.verify_subtree_inclusion(
        index=index, span=(begin, end), leaf=LEAVES[index], proof=proof, root=root_of(leaves)
    )


def test_leaves_that_are_no_subtree_are_refused() -> None:
    with pytest.raises(ProofFails, match="no subtree"):
        translog.verify_subtree_inclusion(
            index=1, span=(1, 3), leaf=LEAVES[1], proof=[], root=LEAVES[1]
        )
