import numpy as np

from tocsin.gateway.turning import turns_of
from tocsin.media import pdq


def apart(one, other):
    return (int(one, 16) ^ int(other, 16)).bit_count()


def test_turned_bits_are_nearest_to_what_the_turned_picture_hashes_to(jpeg):
    distances = []
    for seed in range(8):
        made = [one.hex for one in pdq.dihedral(jpeg(seed))]
        for turn, turned in enumerate(turns_of(made[0])):
            distances.append(apart(turned, made[turn]))
            assert min(range(8), key=lambda other: apart(turned, made[other])) == turn
    assert sum(one <= 31 for one in distances) > 0.75 * len(distances)


def test_the_first_is_the_hash_itself_and_transposing_twice_gives_it_back():
    code = np.random.default_rng(3).bytes(32).hex()
    turns = turns_of(code)
    assert turns[0] == code
    assert turns_of(turns[6])[6] == code
    assert len(set(turns)) == 8
