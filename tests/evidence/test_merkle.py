import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.evidence.merkle import (
    EMPTY_ROOT,
    Tree,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root,
    verify_consistency,
    verify_inclusion,
)

LEAVES = [leaf_hash(str(n).encode()) for n in range(131)]


def split(n):
    k = 1
    while 2 * k < n:
        k *= 2
    return k


def naive_root(leaves):
    """RFC 6962 §2.1, as it is written there."""
    if not leaves:
        return EMPTY_ROOT
    if len(leaves) == 1:
        return leaves[0]
    k = split(len(leaves))
    return node_hash(naive_root(leaves[:k]), naive_root(leaves[k:]))


def naive_path(m, leaves):
    """RFC 6962 §2.1.1, as it is written there."""
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if m < k:
        return [*naive_path(m, leaves[:k]), naive_root(leaves[k:])]
    return [*naive_path(m - k, leaves[k:]), naive_root(leaves[:k])]


def naive_subproof(m, leaves, whole=True):
    """RFC 6962 §2.1.2, as it is written there."""
    if m == len(leaves):
        return [] if whole else [naive_root(leaves)]
    k = split(len(leaves))
    if m <= k:
        return [*naive_subproof(m, leaves[:k], whole), naive_root(leaves[k:])]
    return [*naive_subproof(m - k, leaves[k:], False), naive_root(leaves[:k])]


def test_the_worked_example(entries):
    leaves = [leaf_hash(entry) for entry in entries]
    assert [leaf.hex() for leaf in leaves] == [
        "a35809a22f5b28428d041d3a9b093b249c585ab0573635a758940103437ed3ab",
        "3a74ce7d84db676cfefb242024b71bce9e445d98ef71f6a30c77fcfade93b254",
        "ed01964813ad783f49038b269d64e77bd7aed48d52465c86e7186e4f9ed2f491",
    ]
    assert node_hash(*leaves[:2]).hex() == "c601a53a9b7b4e81954945b7a7bb80c729358ba43e16a2b8d86fe8ef0f89cb41"
    assert base64.b64encode(root(leaves)) == b"fsgMAO/ugGu1RYG/10uQV0mAbve3M/eGoxJRHOfOPSY="
    assert [base64.b64encode(one) for one in inclusion_proof(leaves, 1)] == [
        b"o1gJoi9bKEKNBB06mwk7JJxYWrBXNjWnWJQBA0N+06s=",
        b"7QGWSBOteD9JA4smnWTne9eu1I1SRlyG5xhuT57S9JE=",
    ]


def test_the_empty_log():
    assert base64.b64encode(root([])) == b"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
    assert Tree().root() == EMPTY_ROOT


@pytest.mark.parametrize("size", range(131))
def test_roots_and_proofs_are_those_of_the_standard(size):
    leaves = LEAVES[:size]
    whole = naive_root(leaves)
    assert root(leaves) == whole
    for index in {0, size // 3, size // 2, size - 2, size - 1} & set(range(size)):
        proof = inclusion_proof(leaves, index)
        assert proof == naive_path(index, leaves)
        assert verify_inclusion(leaves[index], index, size, proof, whole)
    for old in {0, 1, 2, size // 3, size // 2, size - 1, size} & set(range(size + 1)):
        proof = consistency_proof(leaves, old)
        assert proof == (naive_subproof(old, leaves) if old else [])
        assert verify_consistency(old, size, naive_root(leaves[:old]), whole, proof)


@given(st.data())
def test_a_proof_shows_nothing_else(data):
    size = data.draw(st.integers(1, 130))
    index = data.draw(st.integers(0, size - 1))
    leaves, whole = LEAVES[:size], root(LEAVES[:size])
    proof = inclusion_proof(leaves, index)
    assert not verify_inclusion(leaf_hash(b"other"), index, size, proof, whole)
    assert not verify_inclusion(leaves[index], index, size, proof, EMPTY_ROOT)
    assert not verify_inclusion(leaves[index], index, size, [*proof, EMPTY_ROOT], whole)
    assert not verify_inclusion(leaves[index], size, size, proof, whole)
    wrong = data.draw(st.integers(0, 200).filter(lambda n: n != index))
    assert not verify_inclusion(leaves[index], wrong, size, proof, whole)
    if proof:
        assert not verify_inclusion(whole, 0, size, [], whole)
        assert not verify_inclusion(leaves[index], index, size, proof[:-1], whole)
        assert not verify_inclusion(leaves[index], index, size, proof[::-1] if len(proof) > 1 else [], whole)


@given(st.data())
def test_a_fork_has_no_consistency_proof(data):
    new = data.draw(st.integers(2, 130))
    old = data.draw(st.integers(1, new - 1))
    changed = data.draw(st.integers(0, old - 1))
    forked = [*LEAVES[:changed], leaf_hash(b"rewritten"), *LEAVES[changed + 1 : new]]
    before, after = root(LEAVES[:old]), root(forked)
    assert not verify_consistency(old, new, before, after, consistency_proof(forked, old))
    assert not verify_consistency(old, new, before, after, consistency_proof(LEAVES[:new], old))
    honest = consistency_proof(LEAVES[:new], old)
    assert verify_consistency(old, new, before, root(LEAVES[:new]), honest)
    assert not verify_consistency(old, new, before, root(LEAVES[:new]), honest[:-1])
    assert not verify_consistency(old, new, before, root(LEAVES[:new]), [*honest, EMPTY_ROOT])
    assert not verify_consistency(new, old, root(LEAVES[:new]), before, honest)


@given(st.integers(0, 130), st.integers(0, 130))
def test_a_tree_goes_on_from_its_saved_edge(first, more):
    tree = Tree.of(LEAVES[:first])
    saved = [one.hex() for one in tree.edge]
    assert len(saved) <= 8
    again = Tree.restore(first, [bytes.fromhex(one) for one in saved])
    for leaf in LEAVES[first : first + more]:
        again.append(leaf)
    assert again.root() == naive_root(LEAVES[: first + more])
    assert again.size == len(LEAVES[: first + more])


@pytest.mark.parametrize(("size", "edge"), [(1, []), (0, [EMPTY_ROOT]), (3, [EMPTY_ROOT]), (-1, []), (1, [b"short"])])
def test_a_saved_state_that_cannot_be_is_refused(size, edge):
    with pytest.raises(ValueError, match="edge hashes"):
        Tree.restore(size, edge)


def test_proofs_of_what_is_not_there_are_refused():
    with pytest.raises(ValueError, match="no entry 3"):
        inclusion_proof(LEAVES[:3], 3)
    with pytest.raises(ValueError, match="never had"):
        consistency_proof(LEAVES[:3], 4)
