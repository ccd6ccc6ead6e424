import hashlib
import json
import random
import stat

import pytest
from PIL import Image

from tocsin.cli.lists import command  # noqa: F401 - what `run` runs
from tocsin.evidence.sealing import key_file, new_identity

M = [hashlib.md5(bytes([n])).hexdigest() for n in range(9)]


def pdq(text):
    return f"{sum(1 << place for place in random.Random(text).sample(range(256), 128)):064x}"


@pytest.fixture
def source(tmp_path):
    """hashes.csv with three good rows, a duplicate and a bad row."""
    rows = "\n".join(f"{M[n]},{pdq(n)},{n},A{n % 2 + 1}" for n in range(3))
    (tmp_path / "hashes.csv").write_text(f"MD5,Strange,ID,Class\n{rows}\n{M[0]},{pdq(0)},0,A1\nxyz,,7,\n")
    return tmp_path / "hashes.csv"


def build(run, *more):
    return run("build", "agency", "--from", "hashes.csv", "--column", "pdq=Strange", "--out", "l", *more)


def test_a_list_is_built_and_says_what_was_left_out(run, source):
    result = build(run, "--scheme", "industry", "--category", "A2=3")
    assert "3 entries" in result.stdout
    assert "1 joined another row" in result.stdout
    assert "row 6: md5: 3 digits where 32 are needed" in result.stderr
    facts = json.loads(run("info", "l", "--json").stdout)
    assert (facts["entries"], facts["kinds"], facts["scheme"]) == (3, {"md5": 3, "pdq": 3}, "industry")
    shown = run("info", "l").stdout
    assert "agency" in shown
    assert not any(hash_ in shown for hash_ in M)


def test_json_reports_of_an_import(run, source):
    [line] = build(run, "--json").stdout.splitlines()
    report = json.loads(line)
    assert (report["active"], report["merged"], report["rejected"]) == (3, 1, 1)
    assert report["first"][0]["number"] == 6


def test_several_files_after_one_from(run, source, tmp_path):
    (tmp_path / "more.txt").write_text(M[7])
    run("build", "agency", "--from", "hashes.csv", "more.txt", "--column", "pdq=Strange", "--out", "l")
    assert json.loads(run("info", "l", "--json").stdout)["entries"] == 4


def test_adding_removing_verifying(run, source, tmp_path):
    build(run)
    (tmp_path / "new.txt").write_text(f"{M[8]}\n")
    assert "1 entry" in run("add", "l", "--from", "new.txt").stdout
    assert "Withdrew 2 entries" in run("remove", "l", M[8], "1").stdout
    assert "nothing was changed" in run("remove", "l", "1", code=2).stderr
    assert "older than what the list says" in run("add", "l", "--from", "new.txt").stdout
    assert json.loads(run("info", "l", "--json").stdout)["entries"] == 2
    assert "is whole" in run("verify", "l").stdout
    [part, *_] = sorted((tmp_path / "l").glob("part-*.cols"))
    part.write_bytes(part.read_bytes()[:-1])
    assert "part-" in run("verify", "l", code=2).stderr


def test_bare_hashes_added_to_a_list_of_pdq_are_pdq(run, tmp_path):
    (tmp_path / "a.txt").write_text(pdq("a"))
    run("build", "x", "--from", "a.txt", "--hash", "pdq", "--out", "l")
    (tmp_path / "b.txt").write_text("ab" * 32)
    run("add", "l", "--from", "b.txt")
    assert json.loads(run("info", "l", "--json").stdout)["kinds"] == {"pdq": 2}


def test_an_export_is_asked_for_and_only_for_its_writer(run, source, tmp_path):
    build(run)
    assert "in the clear" in run("export", "l", "--out", "x.csv", input="n\n", code=1).output
    assert not (tmp_path / "x.csv").exists()
    run("export", "l", "--out", "x.csv", input="y\n")
    assert stat.S_IMODE((tmp_path / "x.csv").stat().st_mode) == 0o600
    assert M[0] in (tmp_path / "x.csv").read_text()
    assert "already there" in run("export", "l", "--out", "x.csv", "--disclose-hashes", code=2).stderr
    run("export", "l", "--out", "x.jsonl", "--format", "jsonl", "--disclose-hashes", "--json")
    assert len((tmp_path / "x.jsonl").read_text().splitlines()) == 3


def test_an_export_that_cannot_hold_the_whole_list_says_so(run, tmp_path):
    (tmp_path / "clip.txt").write_text("".join(f"{at},100,{pdq(at)},{at}.0\n" for at in range(3)))
    run("build", "x", "--from", "clip.txt", "--out", "l")
    said = "has no place for frames of videos; --format jsonl holds the whole list"
    assert said in run("export", "l", "--out", "a.csv", "--disclose-hashes").stderr
    assert said not in run("export", "l", "--out", "a.jsonl", "--format", "jsonl", "--disclose-hashes").stderr


def test_a_full_disk_leaves_the_list_as_it_was(run, source, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    build(run)
    (tmp_path / "new.txt").write_text(f"{M[8]}\n")
    monkeypatch.setattr("tocsin.matching.lists.changing.write_part", full)
    said = "l cannot be changed: No space left on device. It is as it was."
    assert said in run("add", "l", "--from", "new.txt", code=2).stderr
    assert json.loads(run("info", "l", "--json").stdout)["entries"] == 3


def test_terms_that_forbid_an_export_are_kept(run, source, tmp_path):
    build(run, "--no-export", "--terms", "Never to be passed on.")
    said = run("export", "l", "--out", "x", "--disclose-hashes", code=2).stderr
    assert "Never to be passed on." in said
    run("export", "l", "--out", "x", "--disclose-hashes", "--against-terms")


def test_a_sealed_list_needs_its_key(run, source, tmp_path, monkeypatch):
    (tmp_path / "key").write_text(key_file(new_identity()[0]))
    (tmp_path / "other").write_text(key_file(new_identity()[0]))
    build(run, "--key", "key")
    assert "give the key that opens it with --key FILE" in run("info", "l", code=2).stderr
    assert "does not open" in run("info", "l", "--key", "other", code=2).stderr
    assert json.loads(run("info", "l", "--key", "key", "--json").stdout)["encrypted"] is True
    run("verify", "l", "--key", "key")
    assert all(M[0].encode() not in path.read_bytes() for path in (tmp_path / "l").iterdir())


def test_a_list_is_made_of_pictures(run, tmp_path):
    (tmp_path / "pictures").mkdir()
    for n in range(2):
        Image.effect_noise((200, 150), 80 + n).convert("RGB").save(tmp_path / "pictures" / f"{n}.png")
    (tmp_path / "pictures" / "note.txt").write_text("hello")
    run("build", "own", "--from", "pictures", "--own", "--windows", "--out", "l")
    facts = json.loads(run("info", "l", "--json").stdout)
    assert (facts["entries"], facts["origin"]) == (3, "own")
    assert facts["kinds"]["pdq"] == 2
    assert (
        "only for lists of your own"
        in run("build", "x", "--from", "pictures", "--windows", "--out", "m", code=2).stderr
    )


def test_lists_in_a_folder_are_read_as_lists(run, tmp_path):
    folder = tmp_path / "from-agency" / "videos"
    folder.mkdir(parents=True)
    for n in range(3):
        frames = "".join(f"{at},100,{pdq(n * 10 + at)},{at}.000\n" for at in range(4))
        (folder / f"clip-{n}.txt").write_text(frames)
    (folder.parent / "hashes.csv").write_text("md5,note\n" + "".join(f"{m},x\n" for m in M[:3]))
    (folder.parent / "note.txt").write_text("hello")
    run("build", "x", "--from", "from-agency", "--out", "l")
    facts = json.loads(run("info", "l", "--json").stdout)
    assert (facts["entries"], facts["kinds"]["frames"], facts["kinds"]["sha256"]) == (7, 12, 1)
    run("remove", "l", "clip-0", M[0])


def test_ids_that_are_numbers_of_rows_are_told(run, tmp_path):
    def rows(name, first, number=6):
        made = (f"{n + 1},{hashlib.md5(bytes([first + n])).hexdigest()}\n" for n in range(number))
        (tmp_path / name).write_text("id,md5\n" + "".join(made))

    rows("a.csv", 0)
    rows("b.csv", 100)
    run("build", "x", "--from", "a.csv", "--out", "l")
    told = "with no hash in common: is the id the number of a row? See --column extra=ID"
    assert told not in run("add", "l", "--from", "a.csv").stdout
    result = run("add", "l", "--from", "b.csv")
    assert "6 took the place of older ones" in result.stdout
    assert f"6 of these {told}" in result.stdout
    run("build", "x", "--from", "a.csv", "--column", "extra=id", "--out", "m")
    assert told not in run("add", "m", "--from", "b.csv", "--column", "extra=id").stdout
    assert json.loads(run("info", "m", "--json").stdout)["entries"] == 12


def test_known_schemes_bring_their_severity(run, tmp_path):
    (tmp_path / "a.txt").write_text(M[0])
    run("build", "nsrl", "--from", "a.txt", "--scheme", "nsrl", "--out", "good")
    run("build", "ncii", "--from", "a.txt", "--scheme", "stopncii", "--out", "lead")
    assert json.loads(run("info", "good", "--json").stdout)["negative"] is True
    assert json.loads(run("info", "lead", "--json").stdout)["severity"] == 2


def test_a_source_that_breaks_off_exits_2_and_keeps_what_came_before(run, tmp_path):
    whole = json.dumps({"odata.metadata": "x#Media", "value": [{"MD5": m} for m in M]})
    (tmp_path / "x.json").write_text(whole[:-80])
    assert "The list is incomplete" in run("build", "x", "--from", "x.json", "--out", "l", code=2).stderr
    assert json.loads(run("info", "l", "--json").stdout)["entries"] > 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("build", "x", "--out", "l"), "--from FILE"),
        (("build", "x", "--from", "none", "--out", "l"), "none cannot be read"),
        (("build", "x", "--from", "hashes.csv", "--column", "pdq", "--out", "l"), "FIELD=NAME"),
        (("build", "x", "--from", "hashes.csv", "--category", "A1", "--out", "l"), "CODE=SEVERITY"),
        (("build", "x", "--from", "zip", "--out", "l"), "no list known here"),
        (("add", "none", "--from", "hashes.csv"), "is not a hash list"),
        (("add", "none"), "--from FILE"),
        (("info", "none"), "is not a hash list"),
    ],
)
def test_slips_are_sentences(run, source, tmp_path, arguments, said):
    (tmp_path / "zip").write_bytes(b"PK\x03\x04")
    assert said in run(*arguments, code=2).stderr
    assert not (tmp_path / "l").exists()
