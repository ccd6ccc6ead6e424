import logging
import os
import select
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from tocsin.media import fingerprint, limited
from tocsin.media.limited import Limited, LimitedError, Limits
from tocsin.media.options import Options
from tocsin.model.media import Fingerprints
from tocsin.model.observation import NotScanned

LINUX_ROOT = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux confines this much")


@pytest.fixture(scope="module")
def pool():
    with Limited(2) as found:
        yield found


@pytest.fixture
def made(monkeypatch):
    """A pool whose worker does as the file says."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    monkeypatch.setattr(limited._Worker, "module", "made_worker")
    pools = []

    def make(workers=1, **limits):
        pools.append(Limited(workers, Limits(**limits)))
        return pools[-1]

    yield make
    for one in pools:
        one.close()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "AVIF", "BMP", "TIFF", "ICO", "JPEG2000"])
def test_every_kind_is_decoded_without_any_right(pool, kind, scenery, odd):
    data = odd.encoded(scenery(1), kind)
    assert pool.fingerprint(data) == fingerprint.fingerprint(data)
    assert pool.fingerprint(data).prints


def test_heic_is_decoded_without_any_right(pool, scenery, odd):
    pytest.importorskip("av", reason="a HEIC is made with PyAV")
    assert pool.fingerprint(odd.heic(scenery(1, width=256))).prints


def test_damaged_files_too_are_as_in_this_process(pool, scenery, odd):
    for kind in ("JPEG", "PNG", "GIF", "WEBP", "AVIF", "TIFF"):
        data = odd.encoded(scenery(2), kind)
        for share in (0.05, 0.5, 0.98):
            cut = data[: int(len(data) * share)]
            assert pool.fingerprint(cut) == fingerprint.fingerprint(cut)


def test_videos_and_windows_work_where_they_were_prepared(clip, scenery, odd, pool):
    with Limited(1, frames=True, windows=True) as prepared:
        options = Options(frames=True, windows=True)
        assert prepared.fingerprint(clip, options) == fingerprint.fingerprint(clip, options)
        assert prepared.fingerprint(odd.encoded(scenery(1)), options).windows
    assert pool.fingerprint(clip, options).reason == "unsupported"


def test_a_worker_is_prepared_for_video_by_the_first_that_it_meets(clip, scenery, odd):
    picture, options = odd.encoded(scenery(1)), Options(frames=True)
    with Limited(1, frames=True) as pool:
        assert pool.fingerprint(picture, options).prints
        plain = pool.processes
        assert pool.fingerprint(clip, options).frames
        prepared = pool.processes
        assert pool.fingerprint(picture, options).prints
        assert plain != prepared == pool.processes


def test_many_files_come_back_in_order(pool, scenery, odd, tmp_path):
    paths = []
    for number in range(60):
        path = tmp_path / f"{number}"
        path.write_bytes(odd.encoded(scenery(1, number), "PNG") if number % 3 else b"words %d" % number)
        paths.append(path)
    paths.insert(30, tmp_path / "gone")
    results = list(pool.map(paths))
    assert [path for path, _ in results] == paths
    assert results[30][1].reason == "unreadable"
    for path, result in results[:30]:
        assert result == fingerprint.fingerprint(path)


def test_a_file_that_is_named_as_media_and_holds_none_is_unreadable_and_has_digests(pool, scenery, odd, tmp_path):
    import zipfile

    data = bytes(8) + odd.encoded(scenery(1), "JPEG")[8:]
    (tmp_path / "a.jpg").write_bytes(data)
    (tmp_path / "empty.MOV").write_bytes(b"")
    (tmp_path / "a.part").write_bytes(data)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("in/b.JPEG", data)
        archive.writestr("in/note.txt", "words")
    for name in ("a.jpg", "empty.MOV"):
        found = pool.fingerprint(tmp_path / name)
        assert (found.reason, bool(found.sha256)) == ("unreadable", True)
        assert found == fingerprint.fingerprint(tmp_path / name)
    assert pool.fingerprint(tmp_path / "a.part").reason == pool.fingerprint(data).reason == ""
    inside = {held.name: held.result.reason for held in pool.members(tmp_path / "a.zip")}
    assert inside == {"in/b.JPEG": "unreadable", "in/note.txt": ""}


def test_any_thread_may_ask(pool, scenery, odd):
    data = odd.encoded(scenery(3))
    found = []
    threads = [threading.Thread(target=lambda: found.append(pool.fingerprint(data))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [fingerprint.fingerprint(data)] * 8


def test_a_patient_pool_shares_the_worker_that_runs(scenery, odd):
    data = odd.encoded(scenery(3))
    with Limited(3, Limits(patience=60.0)) as pool:
        threads = [threading.Thread(target=pool.fingerprint, args=(data,)) for _ in range(9)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(pool.processes) == 1


def test_a_file_that_takes_long_keeps_no_other_waiting(made, scenery, odd):
    pool = made(workers=2, patience=0.05, seconds=60.0)
    held = threading.Thread(target=pool.fingerprint, args=(b"loop",))
    held.start()
    while not pool.processes:
        pass
    assert pool.fingerprint(odd.encoded(scenery(1))).prints
    assert held.is_alive()
    pool.close()
    held.join(60)


def test_no_descriptor_is_left_open(pool, scenery, odd, tmp_path):
    path = tmp_path / "a"
    path.write_bytes(odd.encoded(scenery(3)))
    list(pool.map([path] * 4))
    before = len(list(Path("/proc/self/fd").iterdir()))
    list(pool.map([path] * 20))
    pool.fingerprint(b"bytes")
    list(pool.members(path))
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_walk_that_is_given_up_ends_at_once(scenery, odd):
    with Limited(1) as pool:
        endless = (Path("/dev/null") for _ in iter(int, 1))
        results = pool.map(endless)
        next(results)
        results.close()
        assert pool.fingerprint(odd.encoded(scenery(1))).prints


def test_archives_are_looked_into(pool, scenery, odd, tmp_path):
    import zipfile

    picture = odd.encoded(scenery(4))
    path = tmp_path / "a.docx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("media/image1.png", picture)
        archive.writestr("odd.png", picture[:60])
    found = list(pool.members(path))
    assert [(one.name, one.size) for one in found] == [("media/image1.png", len(picture)), ("odd.png", 60)]
    assert found[0].result == fingerprint.fingerprint(picture)
    assert found[1].result.reason == "unreadable"
    assert list(pool.members(b"no archive")) == []
    assert [one.result.reason for one in pool.members(path.read_bytes()[:-40])] == ["unreadable"]
    assert [one.result.reason for one in pool.members(tmp_path / "gone")] == ["unreadable"]


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        *(("crash", "failed"), ("leave", "failed"), ("raise", "failed"), ("lie", "failed")),
        *(("allocate", "too-large"), ("loop", "time-out")),
    ],
)
def test_whatever_a_file_does_costs_that_file_alone(made, order, reason, scenery, odd):
    pool = made(memory=256 << 20, seconds=2.0 if order == "loop" else 30.0)
    found = pool.fingerprint(order.encode())
    assert isinstance(found, NotScanned)
    assert found.reason == reason
    assert found.detail.endswith(".")
    pool.limits = Limits()  # the next file has time, however busy the machine is
    assert pool.fingerprint(odd.encoded(scenery(1))).prints


@LINUX_ROOT
@pytest.mark.parametrize(
    "what",
    [
        *("os.open('/etc/passwd', os.O_RDONLY)", "os.open('/tmp/x', os.O_CREAT | os.O_WRONLY)", "os.listdir('/')"),
        *("socket.socket()", "socket.socket(socket.AF_UNIX)", "os.fork()", "os.execv(sys.executable, ['python'])"),
        *("os.kill(os.getppid(), 0)", "os.setuid(0)", "os.unlink('/tmp/x')", "os.chmod('/', 0o777)"),
    ],
)
def test_a_worker_can_do_nothing_but_decode(made, what):
    assert made().fingerprint(b"try " + what.encode()).detail.startswith("refused")


def test_the_systems_own_limits_hold(made, scenery, odd):
    large = odd.encoded(np.zeros((3000, 4000, 3), np.uint8), "PNG")
    with Limited(1, Limits(memory=24 << 20)) as pool:
        assert pool.fingerprint(large).reason == "too-large"
        assert pool.fingerprint(odd.encoded(scenery(1))).prints
    with Limited(1, Limits(pixels=1_000_000)) as pool:
        assert pool.fingerprint(large).reason == "too-large"


def test_an_idle_worker_ends_and_the_next_file_starts_another(scenery, odd):
    with Limited(1, Limits(idle=1.0)) as pool:
        data = odd.encoded(scenery(1))
        assert pool.fingerprint(data).prints
        first = pool._all[0]._process
        assert first.wait(60) == 0
        assert pool.processes == ()
        assert pool.fingerprint(data).prints


def test_a_worker_is_replaced_after_its_share_of_files(scenery, odd):
    with Limited(1, Limits(jobs=2)) as pool:
        assert all(pool.fingerprint(odd.encoded(scenery(1))).prints for _ in range(5))


def test_a_pool_that_is_closed_leaves_no_process_and_scans_nothing(scenery, odd):
    pool = Limited(1)
    assert pool.fingerprint(b"words").sha256
    (pid,) = pool.processes
    pool.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert pool.fingerprint(b"words").reason == "failed"


OWNER = """
import sys, threading
from tocsin.media import limited
limited._Worker.module = "made_worker"
pool = limited.Limited(1)
assert not pool.processes and pool.missing is not None
(pid,) = pool.processes
threading.Thread(target=pool.fingerprint, args=(b"loop",), daemon=True).start()
print(pid, flush=True)
sys.stdin.read()
"""


@LINUX_ROOT
def test_a_worker_ends_with_its_owner_whatever_it_is_in_the_middle_of():
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    command = [sys.executable, "-c", OWNER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as owner:
        pid = int(owner.stdout.readline())
        ended = select.poll()
        handle = os.pidfd_open(pid)
        ended.register(handle, select.POLLIN)
        before = worked(pid)
        while worked(pid) < before + 10 and not ended.poll(0):
            pass  # it turns the file's endless loop
        assert not ended.poll(0)
        owner.kill()
        assert ended.poll(30_000), "it would go on until its own alarm, 40 seconds from its start"
        os.close(handle)


def worked(pid):
    """Return how much of the processor's time a process has used, in ticks of 10 ms."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11])


def test_a_worker_that_cannot_start_is_an_error_not_a_result(monkeypatch):
    monkeypatch.setattr(limited._Worker, "module", "tocsin.media.no_such_worker")
    with Limited(1) as pool, pytest.raises(LimitedError, match="could not be started"):
        pool.fingerprint(b"words")


def test_a_worker_that_may_not_be_run_is_an_error_in_a_sentence_and_leaves_nothing_open(monkeypatch, tmp_path):
    program = tmp_path / "python"
    program.write_text("not to be run")
    monkeypatch.setattr(sys, "executable", str(program))
    with Limited(1) as pool:
        before = len(list(Path("/proc/self/fd").iterdir()))
        with pytest.raises(LimitedError, match=r"pictures cannot be run: Permission denied\."):
            pool.fingerprint(b"words")
        assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_what_a_system_cannot_take_away_is_said_once(monkeypatch, caplog, pool):
    with Limited(1) as one, caplog.at_level(logging.WARNING):
        one._tell(("network", "landlock"))
        one._tell(("network", "landlock"))
    assert [record.getMessage() for record in caplog.records] == [
        "Pictures are decoded with less protection than on Linux: without network, landlock."
    ]


def test_limits_leave_memory_for_others():
    few, many = Limits.for_machine(1), Limits.for_machine(1000)
    assert many.memory <= few.memory <= Limits().memory
    assert many.pixels * 12 <= many.memory


def test_empty_and_unreadable_sources(pool, tmp_path):
    assert isinstance(pool.fingerprint(b""), Fingerprints)
    assert pool.fingerprint(tmp_path).reason == "unsupported"
    os.mkfifo(tmp_path / "pipe")
    assert pool.fingerprint(tmp_path / "pipe").reason == "unsupported"
