import os
import socket

import pytest

from tocsin.media.opening import head_of, open_regular
from tocsin.model.observation import NotScanned


def reason(path, **more):
    found = open_regular(path, **more)
    assert isinstance(found, NotScanned), "it was opened"
    assert found.detail.endswith(".")
    assert str(path) not in found.detail
    return found.reason


def test_a_file_is_opened(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"bytes")
    descriptor = open_regular(path)
    assert os.read(descriptor, 9) == b"bytes"
    os.close(descriptor)


def test_what_is_no_file_is_refused_without_waiting(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.chdir(tmp_path)  # the folder's own name may be longer than the address of a socket
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind("socket")
    assert reason(tmp_path / "pipe") == "unsupported"
    assert reason(tmp_path / "socket") == "unreadable"
    assert reason(tmp_path) == "unsupported"
    assert reason("/dev/zero") == "unsupported"


def test_names_that_lead_nowhere_are_unreadable(tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "dangling").symlink_to("gone")
    for name in ("loop", "dangling", "gone", "x" * 300, "nul\0"):
        assert reason(tmp_path / name) == "unreadable"


def test_a_link_is_followed_only_where_that_is_wanted(tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "link").symlink_to("file")
    os.close(open_regular(tmp_path / "link"))
    assert reason(tmp_path / "link", follow=False) == "unreadable"


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_what_may_not_be_read_says_so(tmp_path):
    (tmp_path / "secret").write_bytes(b"x")
    (tmp_path / "secret").chmod(0)
    assert reason(tmp_path / "secret") == "unreadable"


def test_the_beginning_of_an_open_file_leaves_its_place(tmp_path):
    (tmp_path / "a").write_bytes(b"0123456789" * 1000)
    with (tmp_path / "a").open("rb") as file:
        file.seek(7)
        assert head_of(file.fileno()) == (b"0123456789" * 1000)[:4096]
        assert file.tell() == 7
    assert head_of(-1) == b""
