"""Which folders are looked at: this account's own, its browsers' caches, and drives that are attached.

The account's home and the folders it keeps elsewhere (XDG user-dirs); everything mounted under /media, /run/media and
/mnt from a real file system, and in the home also encrypted folders and disks in memory; of the folders that every
account may write to (/tmp), what belongs to this one. What else is mounted there (a network share) is counted as not
scanned. Left out: the agent's own folder, homes of other accounts, folders in the home that belong to somebody else,
and what the order names as privileged.
"""

import contextlib
import os
import re
import select
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

MOUNTS = ("/media", "/run/media", "/mnt")
SHARED = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108
"""Folders that every account may write to."""
_FILE_SYSTEMS = frozenset(
    [
        "ext2",
        "ext3",
        "ext4",
        "xfs",
        "btrfs",
        "f2fs",
        "jfs",
        "reiserfs",
        "vfat",
        "msdos",
        "exfat",
        "ntfs",
        "ntfs3",
        "fuseblk",
        "hfs",
        "hfsplus",
        "apfs",
        "iso9660",
        "udf",
        "bcachefs",
        "zfs",
    ]
)
_ENCRYPTED = frozenset(["ecryptfs", "fuse.gocryptfs", "fuse.encfs", "fuse.cryfs", "fuse.securefs"])
"""Folders that their owner unlocks with a password (Plasma Vault, GNOME's vaults, sirikali make them)."""
_AT_HOME = frozenset(["tmpfs", "ramfs", "squashfs", "erofs"])
"""What holds files of the account where it is mounted in its home; elsewhere it belongs to the system."""
_PRETENDED = frozenset(["autofs", "fuse.portal", "proc", "sysfs", "devtmpfs", "devpts", "nsfs", "cgroup2"])
_FIRST = ("DOWNLOAD", "PICTURES", "VIDEOS", "DESKTOP", "DOCUMENTS", "PUBLICSHARE")
_LINE = re.compile(r'^XDG_([A-Z]+)_DIR="(\$HOME)?/?([^"]*)"$')
_CACHES = (".cache", ".config", ".mozilla", "snap", ".var/app")
_ESCAPE = re.compile(r"\\([0-7]{3})")


@dataclass(slots=True)
class Places:
    """The folders of one account. ``own`` are folders of the agent itself; ``private`` says which paths are
    privileged; ``mountinfo`` is the kernel's list of mounts; ``shared`` are folders of all accounts."""

    home: Path
    own: tuple[Path, ...] = ()
    private: Callable[[str], bool] = lambda _: False
    count: Callable[[str], None] = lambda _: None
    mountinfo: Path = Path("/proc/self/mountinfo")
    mounts: tuple[str, ...] = MOUNTS
    shared: tuple[str, ...] = ()
    uid: int = field(default_factory=os.getuid)

    def roots(self) -> list[str]:
        """Return the trees to look at, the likeliest first; a tree inside another comes before it."""
        found = [*self._named(), *(str(self.home / name) for name in _CACHES), str(self.home), *self.drives()]
        real: dict[str, None] = {}
        for path in found:
            resolved = os.path.realpath(path)
            if Path(resolved).is_dir() and self._is_ours(resolved):
                real.setdefault(resolved)
        return [*real, *(path for path in self.shared if path not in real and Path(path).is_dir())]

    def drives(self) -> list[str]:
        """Return where drives and encrypted folders are mounted now, those in the home included."""
        found = []
        for point, kind in mounted(self.mountinfo):
            inside = point.startswith(f"{self.home}/")
            if not inside and not self._is_mount(point):
                continue
            if kind in _FILE_SYSTEMS or kind in _ENCRYPTED or (inside and kind in _AT_HOME):
                found.append(point)
            elif kind not in _PRETENDED:
                self.count("not-scanned-mount")
        return found

    def is_mounted(self, folder: str) -> bool:
        """Say whether something is mounted at a folder. One that merely has a device number of its own (a subvolume of
        btrfs, which every account may make) is a part of the tree that it lies in."""
        return any(point == folder for point, _ in mounted(self.mountinfo))

    def skip(self, folder: str, owner: int) -> bool:
        """Say whether a folder is left out."""
        if any(folder == str(path) or folder.startswith(f"{path}/") for path in self.own):
            return True
        if self._is_shared(folder) and folder not in self.shared and owner != self.uid:
            return True
        if owner not in (self.uid, 0) and self.uid != 0 and not self._is_mount(folder):
            self.count("not-scanned-other-owner")
            return True
        if self.private(folder):
            self.count("privileged")
            return True
        return False

    def is_foreign(self, path: str) -> bool:
        """Say whether a file lies where every account may write and belongs to another one: it is not looked at."""
        if not self._is_shared(path):
            return False
        with contextlib.suppress(OSError):
            return Path(path).lstat().st_uid != self.uid
        return False

    def _named(self) -> Iterator[str]:
        """Yield the folders that the account has named for its pictures, downloads and so on."""
        named: dict[str, str] = {}
        configured = Path(os.environ.get("XDG_CONFIG_HOME") or self.home / ".config") / "user-dirs.dirs"
        try:
            lines = configured.read_text("utf-8", "replace")[:65536].splitlines()
        except OSError:
            lines = []
        for line in lines:
            if found := _LINE.match(line.strip()):
                name, at_home, rest = found.groups()
                named[name] = str(self.home / rest) if at_home else f"/{rest}"
        yield from (named[name] for name in _FIRST if name in named)
        yield from (str(self.home / name) for name in ("Downloads", "Pictures", "Videos", "Desktop", "Documents"))

    def _is_mount(self, path: str) -> bool:
        """Say whether a path lies where drives are mounted."""
        return any(path == place or path.startswith(f"{place}/") for place in self.mounts)

    def _is_shared(self, path: str) -> bool:
        """Say whether a path lies where every account may write, outside the account's own home and the drives."""
        inside = any(path.startswith(f"{place}/") for place in self.shared)
        return inside and not path.startswith(f"{self.home}/") and not self._is_mount(path)

    def _is_ours(self, path: str) -> bool:
        """Say whether a tree may be looked at: never another account's home, nor the whole system."""
        home = str(self.home)
        inside = path == home or path.startswith(f"{home}/") or self._is_mount(path)
        try:
            owner = Path(path).stat().st_uid
        except OSError:
            return False
        return path != "/" and (inside or owner == self.uid)


def shared_by_all(home: Path) -> tuple[str, ...]:
    """Return the folders that every account may write to; none for an agent that was given a home of its own, as in a
    demonstration: it looks at nothing outside that."""
    import pwd

    try:
        own = Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:
        return ()
    return tuple(dict.fromkeys(os.path.realpath(path) for path in SHARED)) if home == own else ()


class MountWatch:
    """Tells when drives come and go: the kernel marks its list of mounts as changed."""

    def __init__(self, mountinfo: Path = Path("/proc/self/mountinfo")) -> None:
        self._file = mountinfo.open("rb") if mountinfo.exists() else None
        self._poller = select.poll()
        if self._file is not None:
            self._poller.register(self._file.fileno(), select.POLLERR | select.POLLPRI)

    def changed(self) -> bool:
        """Say whether anything was mounted or unmounted since the last call."""
        if self._file is None or not self._poller.poll(0):
            return False
        self._file.seek(0)
        self._file.read()
        return True

    def close(self) -> None:
        """Close the list."""
        if self._file is not None:
            self._file.close()


def mounted(mountinfo: Path) -> Iterator[tuple[str, str]]:
    """Yield (mount point, kind of file system) from a mountinfo file (proc(5)); nothing where there is none."""
    try:
        text = mountinfo.read_text("utf-8", "surrogateescape")
    except OSError:
        return
    for line in text.splitlines():
        left, _, right = line.partition(" - ")
        fields, kinds = left.split(" "), right.split(" ")
        if len(fields) >= 5 and kinds[0]:
            yield _ESCAPE.sub(lambda found: chr(int(found[1], 8)), fields[4]), kinds[0]
