"""What callers hand to the index is taken, or refused with a sentence."""

import numpy as np
import pytest

from tocsin.matching.arrays import are_codes, codes_of, ids_of


def test_one_hash_and_many_are_taken() -> None:
    assert codes_of(np.zeros(32, np.uint8)).shape == (1, 32)
    turned = np.asfortranarray(np.arange(96, dtype=np.uint8).reshape(3, 32))
    assert not are_codes(turned)
    assert are_codes(codes_of(turned))
    assert (codes_of(turned) == turned).all()


@pytest.mark.parametrize("wrong", [np.zeros((2, 31), np.uint8), np.zeros((2, 32), np.int64), np.zeros(31, np.uint8)])
def test_other_shapes_and_types_are_refused(wrong: np.ndarray) -> None:
    with pytest.raises(ValueError, match="Hashes must"):
        codes_of(wrong)


def test_ids_are_whole_numbers_as_many_as_the_hashes() -> None:
    assert ids_of(7).tolist() == [7]
    assert ids_of([]).tolist() == []
    with pytest.raises(ValueError, match="whole numbers"):
        ids_of([0.5])
    with pytest.raises(ValueError, match="63 bits"):
        ids_of(np.array([2**64 - 1], np.uint64))
    with pytest.raises(ValueError, match="As many ids"):
        ids_of([1], 2)
