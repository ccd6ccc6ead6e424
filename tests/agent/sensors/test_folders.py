import os
import pwd
from pathlib import Path

import pytest

from tocsin.agent.sensors.folders import SHARED, MountWatch, Places, mounted, shared_by_all


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    made = tmp_path / "home"
    for name in ("Downloads", "Pictures", ".cache/chromium", ".config", "work"):
        (made / name).mkdir(parents=True)
    return made


def mounts(tmp_path, *lines):
    path = tmp_path / "mountinfo"
    path.write_text("".join(f"36 35 98:0 / {point} rw shared:1 - {kind} /dev/sdb1 rw\n" for point, kind in lines))
    return path


def test_downloads_and_pictures_come_first_the_home_and_drives_after(home, tmp_path):
    drive = tmp_path / "media" / "me" / "STICK"
    drive.mkdir(parents=True)
    info = mounts(tmp_path, ("/", "ext4"), (drive, "vfat"), ("/proc", "proc"))
    places = Places(home, mountinfo=info, mounts=(str(tmp_path / "media"),))
    roots = places.roots()
    assert roots[0] == str(home / "Downloads")
    assert roots.index(str(home / ".cache")) < roots.index(str(home)) < roots.index(str(drive))
    assert places.drives() == [str(drive)]


def test_folders_the_account_has_elsewhere_are_found_by_name(home, tmp_path):
    elsewhere = tmp_path / "data" / "Bilder"
    elsewhere.mkdir(parents=True)
    (home / ".config" / "user-dirs.dirs").write_text(
        f'# comment\nXDG_PICTURES_DIR="{elsewhere}"\nXDG_VIDEOS_DIR="$HOME/work"\nXDG_MUSIC_DIR="$HOME/"\nbroken'
    )
    roots = Places(home, mountinfo=mounts(tmp_path)).roots()
    assert roots[:2] == [str(elsewhere), str(home / "work")]


def test_network_and_pretended_file_systems_are_no_drives(tmp_path, home):
    info = mounts(
        tmp_path, ("/mnt/share", "cifs"), ("/mnt/x", "tmpfs"), ("/mntother", "ext4"), ("/mnt/a\\040b", "exfat")
    )
    assert Places(home, mountinfo=info).drives() == ["/mnt/a b"]


def test_encrypted_folders_and_disks_in_memory_in_the_home_are_looked_at_and_shares_are_told(tmp_path, home):
    counted = []
    info = mounts(
        tmp_path,
        (f"{home}/Vaults/a", "fuse.gocryptfs"), (f"{home}/Vaults/b", "fuse.cryfs"), (f"{home}/quick", "tmpfs"),
        (f"{home}/share", "fuse.sshfs"), ("/media/me/secret", "fuse.encfs"), ("/mnt/net", "nfs4"), ("/tmp", "tmpfs"),
        ("/mnt/auto", "autofs"),
    )  # fmt: skip
    places = Places(home, mountinfo=info, count=counted.append)
    assert places.drives() == [f"{home}/Vaults/a", f"{home}/Vaults/b", f"{home}/quick", "/media/me/secret"]
    assert counted == ["not-scanned-mount"] * 2
    assert places.is_mounted(f"{home}/share")
    assert not places.is_mounted(f"{home}/work")


def test_the_agents_own_folder_and_what_is_privileged_are_left_out(home, tmp_path):
    counted = []
    places = Places(
        home,
        own=(home / "work",),
        private=lambda path: "Harker" in path,
        count=counted.append,
        mountinfo=tmp_path / "no",
    )
    assert places.skip(str(home / "work"), os.getuid())
    assert places.skip(str(home / "work" / "deep"), os.getuid())
    assert not places.skip(str(home / "workshop"), os.getuid())
    assert places.skip(str(home / "Harker and Co"), os.getuid())
    assert counted == ["privileged"]


def test_folders_of_other_accounts_are_left_out_but_not_on_drives(home, tmp_path):
    counted = []
    places = Places(home, count=counted.append, mountinfo=tmp_path / "no", uid=1000)
    assert places.skip(str(home / "theirs"), 1001)
    assert counted == ["not-scanned-other-owner"]
    assert not places.skip("/media/me/STICK/dir", 1001)
    assert places.skip("/mediaother/dir", 1001)


def test_the_whole_system_is_never_a_root(home, tmp_path):
    (home / ".config" / "user-dirs.dirs").write_text('XDG_PICTURES_DIR="/"\nXDG_VIDEOS_DIR="/usr"\n')
    roots = Places(home, mountinfo=tmp_path / "no", uid=os.getuid() or 12345).roots()
    assert "/" not in roots
    assert "/usr" not in roots


def test_a_list_of_mounts_that_cannot_be_read_is_empty(tmp_path):
    assert list(mounted(tmp_path / "none")) == []
    (tmp_path / "odd").write_text("nonsense\n\n1 2 3 - \n")
    assert list(mounted(tmp_path / "odd")) == []


def test_nothing_mounted_means_no_change():
    watch = MountWatch()
    watch.changed()
    assert not watch.changed()
    watch.close()


def test_of_folders_that_all_accounts_share_only_our_own_part_is_looked_at(tmp_path, home):
    """Else a picture saved to /tmp would never be compared, nor should anybody else's be."""
    shared, counted = tmp_path / "shared", []
    (shared / "mine").mkdir(parents=True)
    (shared / "a.jpg").touch()
    us, them = (
        Places(home, mountinfo=mounts(tmp_path), shared=(str(shared), "/not/there"), uid=uid, count=counted.append)
        for uid in (os.getuid(), os.getuid() + 1)
    )
    assert us.roots()[-1] == str(shared)
    for places, is_left_out in ((us, False), (them, True)):
        assert places.skip(str(shared / "mine"), os.getuid()) is is_left_out
        assert places.is_foreign(str(shared / "a.jpg")) is is_left_out
    assert not us.skip(str(shared), 0)
    assert us.skip(str(shared / "of-the-system"), 0) is (os.getuid() != 0)
    assert not them.is_foreign(str(home / "a.jpg"))
    assert not them.is_foreign(str(shared / "gone"))
    assert counted == []


def test_a_home_in_a_shared_folder_is_still_a_home(tmp_path, home):
    (home / "a.jpg").touch()
    them = Places(home, mountinfo=mounts(tmp_path), shared=(str(tmp_path),), uid=os.getuid() + 1)
    assert not them.is_foreign(str(home / "a.jpg"))


def test_only_the_agent_of_the_account_itself_looks_beyond_its_home(tmp_path):
    """A demonstration has a home of its own, and does not look at what its user keeps elsewhere."""
    assert shared_by_all(tmp_path) == ()
    own = Path(pwd.getpwuid(os.getuid()).pw_dir)
    assert set(shared_by_all(own)) == {os.path.realpath(path) for path in SHARED}
