import hashlib
import json
import os
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image, ImageFilter, ImageOps

from tocsin.cli.match import command
from tocsin.matching.lists import Terms, build
from tocsin.matching.lists.entry import Entry
from tocsin.media import pdq


def drawn(seed):
    """A made-up picture with much to see: soft blobs of many colours."""
    noise = np.random.default_rng(seed).integers(0, 256, (12, 16, 3), np.uint8)
    return Image.fromarray(noise).resize((640, 480), Image.Resampling.BICUBIC).filter(ImageFilter.GaussianBlur(2))


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs ``tocsin match ...`` in an empty folder and checks the exit code."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TOCSIN_LIST_PASSPHRASE", raising=False)

    def go(*arguments, code):
        result = CliRunner().invoke(command, [*map(str, arguments), "--jobs", "1"])
        assert result.exit_code == code, (result.output, result.exception)
        return result

    return go


@pytest.fixture
def pictures(tmp_path):
    """Eight made-up pictures in ``pictures``, the fifth of them listed in ``list`` as entry 4711 of ``agency``."""
    (tmp_path / "pictures").mkdir()
    for seed in range(8):
        drawn(seed).save(tmp_path / "pictures" / f"{seed}.jpg", quality=92)
    data = (tmp_path / "pictures" / "5.jpg").read_bytes()
    hashes = [("pdq", pdq.hash_bytes(data).bits), ("md5", hashlib.md5(data).digest())]
    build(tmp_path / "list", Terms(name="agency"), [("made", [Entry(1, hashes, id="4711", category="x")])])
    return tmp_path / "pictures"


def results(result):
    return {Path(one["path"]).name: one for one in map(json.loads, result.stdout.splitlines())}


def test_a_copy_that_was_reencoded_rescaled_and_bordered_is_found_among_others(run, pictures):
    copy = drawn(5).resize((420, 315))
    ImageOps.expand(copy, (0, 60), (0, 0, 0)).save(pictures / "copy.webp", quality=60)
    (pictures / "5.jpg").unlink()
    found = results(run("pictures", "--list", "list", "--json", code=1))
    assert len(found) == 8
    assert [name for name, one in found.items() if one["status"] == "match"] == ["copy.webp"]
    [match] = found["copy.webp"]["matches"]
    assert (match["list"], match["entry"], match["by"], match["category"]) == ("agency", "4711", "pdq", "x")
    assert match["distance"] <= 31


@pytest.mark.parametrize("name", ["shot.png", "shot.jpg"])
def test_a_picture_on_a_saved_page_is_found_and_it_is_said_where(run, pictures, name):
    page = Image.new("RGB", (1280, 900), (246, 246, 248))
    page.paste(drawn(3).resize((320, 240)), (40, 60))
    page.paste(drawn(5).resize((480, 360)), (500, 300))
    page.save(pictures / name, quality=85)
    (pictures / "5.jpg").unlink()
    found = results(run("pictures", "--list", "list", "--json", code=1))
    assert [one for one, result in found.items() if result["status"] == "match"] == [name]
    [match] = found[name]["matches"]
    assert (match["by"], match["distance"] <= 31) == ("pdq", True)
    place = match["region"]
    assert max(abs(place["x"] - 500), abs(place["y"] - 300)) <= 8
    shown = " ".join(run("pictures", "--list", "list", code=1).stdout.split())
    assert "in it at {x}, {y}, {w} x {h}".format(**place) in shown
    without = results(run("pictures", "--list", "list", "--no-regions", "--json", code=0))
    assert without[name]["status"] == "no-match"


def test_people_read_a_table_and_counts(run, pictures):
    shown = run("pictures", "--list", "list", code=1).stdout
    assert "4711" in shown
    assert "8 files · 1 matched · 7 not on agency." in shown


def test_nothing_found_exits_0(run, pictures):
    (pictures / "5.jpg").unlink()
    assert all(
        one["status"] == "no-match" for one in results(run("pictures", "--list", "list", "--json", code=0)).values()
    )


def test_turned_pictures_are_found_when_asked_for(run, pictures):
    drawn(5).rotate(90, expand=True).save(pictures / "turned.png")
    (pictures / "5.jpg").unlink()
    run("pictures", "--list", "list", code=0)
    found = results(run("pictures", "--list", "list", "--dihedral", "--json", code=1))
    assert found["turned.png"]["matches"][0]["turn"]


def test_a_telephone_picture_is_also_compared_as_it_is_shown(run, pictures):
    turned = Image.Exif()
    turned[0x0112] = 6  # shown turned clockwise, so stored the other way
    drawn(5).rotate(90, expand=True).save(pictures / "telephone.jpg", quality=92, exif=turned)
    found = results(run("pictures/telephone.jpg", "--list", "list", "--json", code=1))
    assert found["telephone.jpg"]["matches"][0]["entry"] == "4711"


def test_a_turned_copy_with_bars_is_found_when_turned_ones_are_asked_for(run, pictures):
    ImageOps.expand(drawn(5), (0, 80), (0, 0, 0)).rotate(90, expand=True).save(pictures / "turned.png")
    found = results(run("pictures/turned.png", "--list", "list", "--dihedral", "--json", code=1))
    [match] = found["turned.png"]["matches"]
    assert (match["entry"], match["stripped"]) == ("4711", True)


def test_what_is_like_more_entries_than_can_be_compared_is_never_clean(run, pictures, monkeypatch):
    from tocsin.matching.answers import Answer
    from tocsin.matching.road import Lists

    monkeypatch.setattr(Lists, "examine", lambda _, items, *__: [Answer((), True, ("window",)) for _ in items])
    found = results(run("pictures", "--list", "list", "--json", code=2))
    assert {one["status"] for one in found.values()} == {"not-scanned"}
    assert {one["reason"] for one in found.values()} == {"too-many-alike"}


def test_what_could_not_be_examined_is_never_clean(run, pictures, tmp_path):
    data = (pictures / "1.jpg").read_bytes()
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "cut.jpg").write_bytes(data[:600])
    (tmp_path / "odd" / "note.txt").write_text("hello")
    result = run("odd", "gone.jpg", "--list", "list", "--json", code=2)
    found = results(result)
    assert found["cut.jpg"]["status"] == "not-scanned"
    assert found["cut.jpg"]["reason"] == "unreadable"
    assert found["gone.jpg"]["status"] == "not-scanned"
    assert found["note.txt"]["status"] == "no-match"
    shown = run("odd", "gone.jpg", "--list", "list", code=2).stdout
    assert "2 not scanned:" in shown


def test_a_picture_whose_beginning_is_damaged_is_never_clean(run, pictures, tmp_path):
    data = (pictures / "1.jpg").read_bytes()
    (tmp_path / "odd").mkdir()
    damaged = {"overwritten.jpg": bytes(8) + data[8:], "before.jpg": b"\r\n" + data, "empty.jpg": b"", "one.jpg": b"x"}
    for name, content in damaged.items():
        (tmp_path / "odd" / name).write_bytes(content)
    found = results(run("odd", "--list", "list", "--json", code=2))
    assert {name: one.get("reason") for name, one in found.items()} == dict.fromkeys(damaged, "unreadable")
    entry = Entry(1, [("md5", hashlib.md5(damaged["before.jpg"]).digest())], id="1")
    build(tmp_path / "digests", Terms(name="d"), [("made", [entry])])
    found = results(run("odd", "--list", "digests", "--json", code=1))
    assert [name for name, one in found.items() if one["status"] == "match"] == ["before.jpg"]


def test_a_picture_without_detail_is_not_compared_and_says_so(run, pictures, tmp_path):
    build(tmp_path / "only-pdq", Terms(name="p"), [("made", [Entry(1, [("pdq", bytes(range(32)))], id="1")])])
    Image.new("RGB", (300, 300), "red").save(tmp_path / "flat.png")
    [one] = results(run("flat.png", "--list", "only-pdq", "--json", code=2)).values()
    assert (one["status"], one["reason"]) == ("not-scanned", "not-comparable")
    [one] = results(run("flat.png", "--list", "list", "--json", code=0)).values()
    assert (one["status"], one["compared"]) == ("no-match", ["md5"])
    assert one["low_quality"] >= 1
    said = "1 picture with too little detail was compared by digest only."
    assert said in run("flat.png", "pictures/1.jpg", "--list", "list", code=0).stdout
    Image.new("RGB", (5, 5), "blue").save(tmp_path / "tiny.png")
    said = "2 pictures with too little detail were compared by digest only."
    assert said in run("flat.png", "tiny.png", "pictures/1.jpg", "--list", "list", code=0).stdout
    assert "too little detail" not in run("pictures/1.jpg", "--list", "list", code=0).stdout


def test_archives_are_looked_into(run, pictures, tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(pictures / "5.jpg", "deep/down.jpg")
        archive.writestr("note.txt", "hello")
    lines = [json.loads(line) for line in run("a.zip", "--list", "list", "--json", code=1).stdout.splitlines()]
    assert [(one["status"], one.get("held")) for one in lines] == [
        ("no-match", None),
        ("match", "deep/down.jpg"),
        ("no-match", "note.txt"),
    ]
    run("a.zip", "--list", "list", "--no-archives", code=0)


def test_an_archive_behind_a_picture_is_looked_into_or_never_clean(run, pictures, tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(pictures / "5.jpg", "hidden.jpg")
    cover = (pictures / "1.jpg").read_bytes()
    (tmp_path / "cover.jpg").write_bytes(cover + (tmp_path / "a.zip").read_bytes())
    (tmp_path / "other.jpg").write_bytes(cover + b"Rar!\x1a\x07\x01\0" + bytes(50))
    lines = [json.loads(line) for line in run("cover.jpg", "--list", "list", "--json", code=1).stdout.splitlines()]
    assert [(one["status"], one.get("held")) for one in lines] == [("no-match", None), ("match", "hidden.jpg")]
    lines = [json.loads(line) for line in run("other.jpg", "--list", "list", "--json", code=2).stdout.splitlines()]
    assert [one["status"] for one in lines] == ["no-match", "not-scanned"]
    assert lines[1]["detail"] == "RAR archives are not looked into."


@pytest.mark.parametrize(
    ("name", "start", "why"),
    [
        ("a.rar", b"Rar!\x1a\x07\x01\0", "RAR archives"),
        ("b.7z", b"7z\xbc\xaf\x27\x1c", "7-Zip"),
        ("c.pdf", b"%PDF-1.7", "PDF"),
    ],
)
def test_an_archive_that_cannot_be_looked_into_is_never_clean(run, pictures, tmp_path, name, start, why):
    (tmp_path / name).write_bytes(start.ljust(600, b"."))
    [one] = results(run(name, "--list", "list", "--json", code=2)).values()
    assert (one["status"], one["reason"]) == ("not-scanned", "unsupported")
    assert why in one["detail"]
    [one] = results(run(name, "--list", "list", "--no-archives", "--json", code=0)).values()
    assert one["status"] == "no-match"
    with zipfile.ZipFile(tmp_path / "outer.zip", "w") as archive:
        archive.write(tmp_path / name, name)
    last = json.loads(run("outer.zip", "--list", "list", "--json", code=2).stdout.splitlines()[-1])
    assert why in last["detail"]


def test_known_good_silences(run, pictures, tmp_path):
    data = (pictures / "5.jpg").read_bytes()
    build(
        tmp_path / "good", Terms(name="good", negative=True),
        [("made", [Entry(1, [("pdq", pdq.hash_bytes(data).bits)], id="1")])],
    )  # fmt: skip
    build(tmp_path / "near", Terms(name="near"), [("made", [Entry(1, [("pdq", pdq.hash_bytes(data).bits)], id="1")])])
    [one] = results(run(pictures / "5.jpg", "--list", "near", "--list", "good", "--json", code=0)).values()
    assert one["status"] == "no-match"
    assert {match["list"]: match.get("negative", False) for match in one["matches"]} == {"near": False, "good": True}


def test_a_run_is_taken_up_where_it_stopped(run, pictures):
    run("pictures", "--list", "list", "--resume", "kept", "--json", code=1)
    lines = Path("kept").read_text().splitlines()
    Path("kept").write_text("\n".join(lines[:4]) + "\n" + lines[4][:20])
    found = results(run("pictures", "--list", "list", "--resume", "kept", "--json", code=1))
    assert len(found) == 8
    assert len(Path("kept").read_text().splitlines()) == 9
    assert "other settings" in run("pictures", "--list", "list", "--radius", "3", "--resume", "kept", code=2).stderr


def test_what_could_not_be_examined_is_looked_at_again(run, pictures, tmp_path):
    kept = tmp_path / "kept"
    run("pictures", "--list", "list", "--resume", "kept", code=1)
    lines = [json.loads(line) for line in kept.read_text().splitlines()]
    for one in lines[1:]:
        if one["path"].endswith("5.jpg"):
            one["results"] = [{"path": one["path"], "status": "not-scanned", "matches": [], "reason": "time-out"}]
    kept.write_text("".join(json.dumps(one) + "\n" for one in lines))
    found = results(run("pictures", "--list", "list", "--resume", "kept", "--json", code=1))
    assert found["5.jpg"]["status"] == "match"


@pytest.mark.skipif(os.name != "posix", reason="file permissions of POSIX")
def test_a_file_that_may_not_be_read_keeps_no_other_from_being_examined(run, pictures, monkeypatch):
    """As root may read everything, the system's word is given here, for the argument too."""
    allowed = os.access
    monkeypatch.setattr(
        os, "access", lambda path, *more, **how: "1.jpg" not in str(path) and allowed(path, *more, **how)
    )
    (pictures / "1.jpg").chmod(0)
    found = results(run("pictures/1.jpg", "pictures/5.jpg", "--list", "list", "--json", code=1))
    assert found["5.jpg"]["status"] == "match"


def test_what_was_found_is_told_when_a_run_is_stopped(run, pictures, monkeypatch):
    from tocsin.media.limited import Limited

    map_ = Limited.map

    def interrupted(self, paths, options):
        for path, made in map_(self, paths, options):
            yield path, made
            if path.name == "5.jpg":
                raise KeyboardInterrupt

    monkeypatch.setattr("tocsin.cli.match._BATCH", 1)
    monkeypatch.setattr(Limited, "map", interrupted)
    stopped = run("pictures", "--list", "list", code=1)
    assert "4711" in stopped.stdout
    assert "6 files · 1 matched" in stopped.stdout
    assert "Stopped before the end; with --resume FILE" in stopped.stderr
    (pictures / "5.jpg").write_bytes((pictures / "4.jpg").read_bytes())
    stopped = run("pictures", "--list", "list", "--resume", "kept", "--json", code=2)
    assert len(results(stopped)) == 6
    assert "the same command goes on from there" in stopped.stderr
    monkeypatch.setattr(Limited, "map", map_)
    assert len(results(run("pictures", "--list", "list", "--resume", "kept", "--json", code=0))) == 8


def test_a_list_that_breaks_or_goes_during_a_run_makes_nothing_clean(run, pictures, tmp_path, monkeypatch):
    """The first batch is one file, after which something happens to the lists; the other list goes on."""
    from tocsin.matching.road import Lists

    other = [("md5", hashlib.md5((pictures / "6.jpg").read_bytes()).digest())]

    def begin(happens):
        shutil.rmtree(tmp_path / "lists", ignore_errors=True)
        shutil.copytree(tmp_path / "list", tmp_path / "lists" / "agency")
        build(tmp_path / "lists" / "other", Terms(name="other"), [("made", [Entry(1, other, id="6")])])
        asked = []

        def examine(self, *question):
            if len(asked) == 1:
                happens()
                self.refresh()
            asked.append(1)
            return examined(self, *question)

        monkeypatch.setattr(Lists, "examine", examine)

    examined = Lists.examine
    monkeypatch.setattr("tocsin.cli.match._BATCH", 1)
    [part] = (tmp_path / "list").glob("part-*.cols")
    for happens, said in (
        (lambda: shutil.rmtree(tmp_path / "lists" / "agency"), "was taken away during this run"),
        (lambda: os.truncate(tmp_path / "lists" / "agency" / part.name, 100), "was cut while it was in use"),
    ):
        begin(happens)
        result = run("pictures", "--list", "lists", "--json", code=1)
        found = {name: one["status"] for name, one in results(result).items()}
        assert found == {"0.jpg": "no-match", "6.jpg": "match"} | {
            f"{n}.jpg": "not-scanned" for n in (1, 2, 3, 4, 5, 7)
        }
        assert results(result)["5.jpg"]["reason"] == "list"
        assert said in results(result)["5.jpg"]["detail"]
        assert said in result.stderr


def test_a_path_in_a_pipe_is_never_broken(run, pictures):
    deep = pictures / ("a long name " * 15) / ("and another one " * 10)
    deep.mkdir(parents=True)
    (pictures / "5.jpg").rename(deep / "5.jpg")
    assert f"{deep}/5.jpg" in run(pictures, "--list", "list", code=1).stdout


def test_a_folder_of_lists_and_what_is_no_list(run, pictures, tmp_path):
    run("pictures/5.jpg", "--list", ".", code=1)
    assert "is not a hash list" in run("pictures", "--list", "pictures", code=2).stderr
    assert "Missing option" in CliRunner().invoke(command, ["pictures"]).output
