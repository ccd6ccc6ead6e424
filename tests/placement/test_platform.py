from tocsin.placement.platform import alone, boot_identity, default_folder, runs_as_root, take_lock


def test_the_boot_has_one_name():
    assert boot_identity() == boot_identity()
    assert 8 <= len(boot_identity()) <= 64


def test_one_lock_at_a_time(tmp_path):
    first = take_lock(tmp_path / "l")
    assert first is not None
    assert take_lock(tmp_path / "l") is None
    first.close()
    again = take_lock(tmp_path / "l")
    assert again is not None
    again.close()


def test_a_turn_is_held_by_one_and_given_back(tmp_path):
    path = tmp_path / "new" / "l"
    with alone(path) as first, alone(path) as second:
        assert (first, second) == (True, False)
    with alone(path) as again:
        assert again


def test_the_agents_folder_is_the_users_own(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert default_folder() == tmp_path / "tocsin" / "agent"
    assert isinstance(runs_as_root(), bool)
