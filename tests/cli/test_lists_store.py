import pytest
from click.testing import CliRunner

from tocsin.cli import main
from tocsin.matching.lists import Entry, HashList, Terms, add, build


@pytest.fixture
def store(tmp_path):
    pytest.importorskip("obstore")
    (tmp_path / "store").mkdir()
    return f"file://{tmp_path / 'store'}"


@pytest.fixture
def made(tmp_path):
    build(tmp_path / "known", Terms(name="known"), [("x", [Entry(1, [("pdq", b"x" * 32)], id="one")])])
    return tmp_path / "known"


def said(*words):
    done = CliRunner().invoke(main, ["lists", *map(str, words)])
    return done.exit_code, done.output


def test_a_list_goes_up_comes_down_and_is_taken_back(made, store, tmp_path):
    assert said("push", made, store)[0] == 0
    assert said("pull", store, tmp_path / "copy") == (0, f"{tmp_path / 'copy'} is as {store} is now.\n")
    assert HashList.open(tmp_path / "copy").view.entries == 1
    add(made, [("y", [Entry(1, [("pdq", b"y" * 32)], id="two")])])
    assert said("push", made, store, "--json")[0] == 0
    assert '"changed":true' in said("pull", store, tmp_path / "copy", "--json")[1].replace(" ", "")
    assert HashList.open(tmp_path / "copy").view.entries == 2
    assert "and was before" in said("pull", store, tmp_path / "copy")[1]
    assert said("push", "--withdraw", store)[0] == 0
    assert "withdrawn" in said("pull", store, tmp_path / "copy")[1]


def test_what_cannot_be_is_a_sentence(made, store, tmp_path):
    for words in (("push", made), ("push",), ("push", made, store, "--withdraw", store)):
        assert said(*words)[0] == 2
    assert "not a" in said("push", tmp_path, store)[1]
    assert "no list at" in said("pull", store, tmp_path / "copy")[1]
    assert "list of its own" in said("pull", store, made)[1]
    assert "cannot be opened" in said("push", made, "nosuch://x")[1]
