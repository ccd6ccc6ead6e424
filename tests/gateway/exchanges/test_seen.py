import stat

from tocsin.gateway.exchanges.seen import Seen


def test_what_was_met_is_known_after_a_kill_and_gone_after_the_end(tmp_path):
    path = tmp_path / "x" / "N.seen"
    seen = Seen(path)
    seen.add([b"a", b"b", b"a"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    seen.close()
    again = Seen(path)
    assert not again.lacks(b"a")
    assert again.lacks(b"c")
    again.clear()
    assert again.lacks(b"a")
    again.close(remove=True)
    assert list(path.parent.iterdir()) == []
