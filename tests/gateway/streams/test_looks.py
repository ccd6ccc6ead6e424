"""What a decoder tells is read as a stranger's words: of the form agreed, or refused."""

import copy

import pytest

from tocsin.gateway.streams.looks import Tally, fingerprints, look_of, tally_of
from tocsin.media.messages import MessageError

PRINT = {"hex": "0f" * 32, "quality": 80, "path": "full", "stripped": False, "turn": 0, "white": False}
LOOK = {"at": 2.0, "arrived_ns": 5, "scene": False, "prints": [PRINT]}
COUNTS = {
    "counts": {"looked": 1, "keyframes": 2, "scenes": 0, "spared": 0, "broken": 0, "reopened": 0, "bytes": 9,
               "longest": 2.0, "sizes": ["4 x 4"]},
    "shed": {"scenes": 3, "else": 1},
    "level": 1,
}  # fmt: skip


def test_a_look_is_read() -> None:
    look = look_of(LOOK)
    assert fingerprints(look).prints[0].hex == "0f" * 32
    assert look.at == 2.0


@pytest.mark.parametrize(
    "change",
    [{"at": "x"}, {"at": -1}, {"at": float("inf")}, {"arrived_ns": 1.5}, {"arrived_ns": -1}, {"prints": [{}]},
     {"prints": None}, {"prints": [PRINT] * 17}, {"prints": [{**PRINT, "hex": "zz"}]}, {"labels": [["x"]]},
     {"prints": [{**PRINT, "quality": 101}]}, {"labels": 5}],
)  # fmt: skip
def test_another_form_is_refused(change: dict) -> None:
    with pytest.raises(MessageError):
        look_of({**LOOK, **change})


def test_scores_are_kept_within_bounds() -> None:
    assert look_of({**LOOK, "labels": [["x", 7.0]]}).labels == (("x", 1.0),)


def test_counts_are_read_and_unknown_kinds_left_aside() -> None:
    tally = tally_of(COUNTS)
    assert tally.shed == {"scenes": 3}
    assert tally.bytes == 9


@pytest.mark.parametrize("change", [{"looked": -1}, {"bytes": "9"}, {"longest": None}, {"sizes": 5}])
def test_counts_of_another_form_are_refused(change: dict) -> None:
    wrong = copy.deepcopy(COUNTS)
    wrong["counts"].update(change)
    with pytest.raises(MessageError):
        tally_of(wrong)


def test_tallies_of_two_decoders_add_up() -> None:
    both = tally_of(COUNTS).plus(tally_of(COUNTS)).plus(Tally())
    assert both.looked == 2
    assert both.shed["scenes"] == 6
    assert both.sizes == ("4 x 4",)
