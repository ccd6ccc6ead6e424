import io
import json
import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from tocsin.cli import main
from tocsin.media import pdq


def picture(seed=0, kind="PNG"):
    y, x = np.mgrid[0:120, 0:160]
    wave = 128 + 90 * np.sin((x * (seed + 2) + y * 3) / 17) * np.cos(y * (seed + 1) / 23)
    made = io.BytesIO()
    Image.fromarray(np.stack([wave] * 3, -1).astype(np.uint8)).save(made, kind)
    return made.getvalue()


@pytest.fixture
def folder(tmp_path):
    """A folder of two pictures, one of them deeper, words with a picture's name, and an empty file."""
    place = tmp_path / "folder"
    (place / "deeper").mkdir(parents=True)
    (place / "b.png").write_bytes(picture(1))
    (place / "a.txt").write_bytes(picture(2, "JPEG"))
    (place / "deeper" / "c.jpg").write_bytes(b"words")
    (place / "empty").touch()
    return place


def run(*arguments):
    done = CliRunner().invoke(main, ["hash", "--jobs", "1", *map(str, arguments)])
    records = [json.loads(line) for line in done.stdout.splitlines()] if "--json" in arguments else []
    return done, records


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_every_file_has_the_promised_fields(folder):
    done, records = run(folder, "--json")
    assert done.exit_code == 0, done.stderr
    assert [Path(one["path"]).name for one in records] == ["a.txt", "b.png", "empty", "c.jpg"]
    for one in records:
        assert {"path", "size", "md5", "sha1", "sha256", "media", "pdq", "pdq_quality"} <= one.keys()
        assert one["size"] == Path(one["path"]).stat().st_size
        assert "status" not in one
    made = pdq.hash_bytes(picture(1))
    assert (records[1]["pdq"], records[1]["pdq_quality"]) == (made.hex, made.quality)
    assert records[1]["path_made"] == "full"
    assert (records[3]["media"], records[3]["pdq"]) == ("other", None)


def test_people_get_a_line_a_file_without_a_strangers_control_characters(folder):
    (folder / "z\x1b[31m.png").write_bytes(picture(3))
    done, _ = run(folder)
    assert done.exit_code == 0
    assert "\x1b" not in done.stdout
    assert pdq.hash_bytes(picture(3)).hex in done.stdout


def test_turns_and_frames_come_when_asked_for(folder):
    _, records = run(folder / "b.png", "--json", "--turns")
    assert records[0]["turns"][0] == records[0]["pdq"]
    assert len(records[0]["turns"]) == 8


@pytest.mark.parametrize("name", ["gone", "cut.png", "huge.png", "pipe"])
def test_what_was_not_examined_is_said_and_never_exits_0(folder, name):
    if name == "pipe":
        os.mkfifo(folder / name)
    elif name != "gone":
        data = picture(4)
        (folder / name).write_bytes(data[:40] if name == "cut.png" else data[:16] + b"\x7f" * 8 + data[24:])
    done, records = run(folder / name, folder / "b.png", "--json")
    assert done.exit_code == 2
    assert "Incomplete: 1 of 2" in done.stderr
    assert (records[0]["status"], records[1].get("status")) == ("not-scanned", None)
    assert records[0]["reason"]
    assert records[0]["detail"].endswith(".")


def test_names_that_are_not_utf8_survive(folder):
    path = os.fsencode(folder) + b"/\xff\xfe.png"
    Path(os.fsdecode(path)).write_bytes(picture(1))
    _, records = run(folder, "--json")
    assert path in [os.fsencode(one["path"]) for one in records]


def test_archives_are_looked_into_when_asked(folder):
    with zipfile.ZipFile(folder / "x.zip", "w") as archive:
        archive.writestr("in/side.png", picture(5))
    done, records = run(folder / "x.zip", "--json", "--archives")
    assert done.exit_code == 0
    assert [one.get("held") for one in records] == [None, "in/side.png"]
    assert records[1]["pdq"] == pdq.hash_bytes(picture(5)).hex


def test_an_archive_behind_a_picture_is_looked_into_when_asked_also_in_a_run_that_is_taken_up(folder, tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("in/side.png", picture(5))
    (folder / "cover.png").write_bytes(picture(6) + (tmp_path / "a.zip").read_bytes())
    out = tmp_path / "results.jsonl"
    assert run(folder / "cover.png", "--out", out)[0].exit_code == 0
    assert run(folder / "cover.png", "--out", out, "--archives", "--resume")[0].exit_code == 0
    records = [json.loads(line) for line in out.read_text().splitlines()]
    assert [one.get("held") for one in records] == [None, None, "in/side.png"]
    assert [one.get("attached") for one in records] == ["zip", "zip", None]


def test_work_is_taken_up_where_it_stopped(folder, tmp_path):
    out = tmp_path / "results.jsonl"
    assert run(folder, "--out", out)[0].exit_code == 0
    whole = out.read_bytes()
    first_two = b"".join(whole.splitlines(keepends=True)[:2])
    out.write_bytes(first_two + whole[len(first_two) :][:30])
    done, _ = run(folder, "--out", out, "--resume")
    assert done.exit_code == 0, done.stderr
    assert out.read_bytes() == whole
    assert "2 were done before" in done.stderr


def test_what_changed_or_failed_or_lacks_something_is_done_again(folder, tmp_path):
    out = tmp_path / "results.jsonl"
    (folder / "cut.png").write_bytes(picture(4)[:40])
    assert run(folder, "--out", out)[0].exit_code == 2
    (folder / "b.png").write_bytes(picture(6))
    (folder / "cut.png").write_bytes(picture(4))
    assert run(folder, "--out", out, "--resume")[0].exit_code == 0
    latest = {Path(one["path"]).name: one for one in lines(out)}
    assert latest["b.png"]["pdq"] == pdq.hash_bytes(picture(6)).hex
    assert "status" not in latest["cut.png"]
    assert len(lines(out)) == 7
    run(folder, "--out", out, "--resume", "--turns")
    assert {Path(one["path"]).name for one in lines(out) if "turns" in one} == {"a.txt", "b.png", "cut.png"}


def test_results_are_not_written_over_nor_mixed_with_other_files(folder, tmp_path):
    out = tmp_path / "notes"
    out.write_text("my notes\n")
    assert run(folder, "--out", out)[0].exit_code == 2
    assert run(folder, "--out", out, "--resume")[0].exit_code == 2
    assert out.read_text() == "my notes\n"
    assert run(folder, "--resume")[0].exit_code == 2


def test_an_interrupt_ends_it_cleanly(folder, tmp_path):
    first = folder / "first.png"
    first.write_bytes(picture(1))
    for number in range(1500):  # more answers than a pipe holds: it cannot have finished when it is interrupted
        (folder / f"{number}.png").hardlink_to(first)
    heard = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"  # a background job ignores it
    code = f"{heard}; from tocsin.cli import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, "hash", str(folder), "--json", "--jobs", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert json.loads(process.stdout.readline())["md5"]
    process.send_signal(signal.SIGINT)
    with process:
        out, error = process.stdout.read(), process.stderr.read()
    assert process.returncode == 2
    assert "Stopped" in error
    assert "Traceback" not in error
    assert all(json.loads(line) for line in out.splitlines())
