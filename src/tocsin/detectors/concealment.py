"""Concealment: private windows, Tor and VPN clients, wiping and vault tools, virtual machines.

It reads window titles and programs. TLS, encryption built into the device, password managers and updaters
never count (Parsons [2017] EWCA Crim 2163: aim at what is installed, not at what the device does by itself).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import PurePosixPath
from typing import Any, ClassVar

import yaml

from tocsin.detectors import making
from tocsin.model import BENIGN, Category, Example, Finding, Kind, Observation, ProcessSeen, Quote, Signal
from tocsin.packs import read_text

_MAX_TITLE = 500
_MAX_ARGUMENTS = 400
_MAX_REPORTED = 4096
_PAGE_IN_BROWSER = re.compile(
    r"[-—–]\s*(?:google chrome|chromium|mozilla firefox|firefox|microsoft\W{0,2}edge|brave|opera|vivaldi|safari|"
    r"netflix|youtube)\s*$",
    re.I,
)
"""A page's own words come before the browser's name: about a page nothing is said but that it is private."""


@dataclass(frozen=True, slots=True)
class Family:
    """One kind of concealment: its signal, how severe, and what it is recognised by."""

    signal: str
    title: str
    severity: int
    programs: frozenset[str]
    paths: tuple[str, ...]
    arguments: frozenset[str]
    browsers: frozenset[str]
    titles: tuple[tuple[re.Pattern[str], frozenset[str]], ...]
    must: tuple[str, ...] = ()
    must_not: tuple[str, ...] = ()


class Concealment:
    """Reports each (signal, program) once, and again only after the program has ended."""

    name: ClassVar[str] = "concealment"
    version: ClassVar[str] = "1.0"
    reads: ClassVar[frozenset[Kind]] = frozenset({Kind.PROCESS, Kind.TEXT, Kind.STATE})

    def __init__(self) -> None:
        self._families, self._never = families()
        self._reported: dict[tuple[str, str], None] = {}

    def examine(self, seen: Observation) -> Iterable[Finding]:
        """Return findings for a program that begins or a window title that shows concealment."""
        if isinstance(seen.body, ProcessSeen):
            yield from self._process(seen, seen.body)
        if seen.title:
            yield from self._title(seen)

    def _process(self, seen: Observation, process: ProcessSeen) -> Iterable[Finding]:
        program = _program(process.name)
        if process.ended:
            for key in [key for key in self._reported if key[1] == program]:
                del self._reported[key]
            return
        executable = _program(process.exe)
        if program in self._never or executable in self._never:
            return
        for family in self._families:
            why = _recognise(family, program, executable, process)
            if why:
                yield from self._report(seen, family, program or executable, why, 0.95)

    def _title(self, seen: Observation) -> Iterable[Finding]:
        title, app = seen.title[:_MAX_TITLE], _program(seen.app)
        if app in self._never:
            return
        for family in self._families:
            found = _title_match(family, title, app)
            if found is None:
                continue
            quote = Quote(title, at=seen.at, spans=(found,))
            why = f"The window's title “{title}” shows {family.title}."
            yield from self._report(seen, family, app or title.lower(), why, 0.9, (quote,))

    def _report(
        self,
        seen: Observation,
        family: Family,
        program: str,
        why: str,
        confidence: float,
        quotes: tuple[Quote, ...] = (),
    ) -> Iterable[Finding]:
        key = (family.signal, program)
        if key in self._reported:
            return
        while len(self._reported) >= _MAX_REPORTED:
            del self._reported[next(iter(self._reported))]
        self._reported[key] = None
        yield making.finding(
            self,
            seen,
            category=Category.CONDITION,
            severity=family.severity,
            confidence=confidence,
            why=why,
            signals=(Signal(family.signal, confidence=confidence),),
            not_seen=tuple(sorted(other.signal for other in self._families if other.signal != family.signal)),
            benign=tuple(code for code in ("work-tool", "wrong-person", "repair") if code in BENIGN),
            quotes=quotes,
        )

    @staticmethod
    def examples() -> tuple[Example, ...]:
        """Return harmless examples that must and must not fire."""

        def started(name: str, *arguments: str, exe: str = "") -> Observation:
            return making.observation(ProcessSeen(name, exe, arguments), app=name)

        must = [
            Example("Tor begins", (started("tor", "-f", "torrc"),), True),
            Example("a private window by its argument", (started("chromium", "--incognito"),), True),
            Example("a VPN client begins", (started("openvpn", "--config", "home.ovpn"),), True),
            Example("a vault tool begins", (started("VeraCrypt.exe"),), True),
            Example("a virtual machine begins", (started("qemu-system-x86_64", "-m", "4096"),), True),
        ]
        quiet = [
            Example("an ordinary browser", (started("firefox", "https://example.org"),), False),
            Example("the device's own disk encryption", (started("systemd-cryptsetup", "attach", "luks"),), False),
            Example("BitLocker's own window", (started("fvenotify.exe"),), False),
            Example("a password manager", (started("keepassxc"),), False),
            Example("an updater", (started("unattended-upgrade"),), False),
            Example("a secure shell", (started("ssh", "--", "host"),), False),
        ]
        for family in families()[0]:
            must += [Example(f"title: {t}", (making.observation(None, title=t),), True) for t in family.must]
            quiet += [Example(f"title: {t}", (making.observation(None, title=t),), False) for t in family.must_not]
        return (*must, *quiet)


def _program(name: str) -> str:
    """Return a program's bare name: no folder, no ``.exe``, lower case."""
    base = PurePosixPath(name.replace("\\", "/")).name.lower().strip()
    return re.sub(r"\.(exe|app|appimage|bin)$", "", base)


def _recognise(family: Family, program: str, executable: str, process: ProcessSeen) -> str:
    """Return the sentence that says why a process belongs to the family, or nothing."""
    if program in family.programs or executable in family.programs:
        return f"The program “{process.name}” is {family.title}."
    path = process.exe.replace("\\", "/").lower()
    if any(part in path for part in family.paths):
        return f"The program “{process.name}” runs from the folder of {family.title}."
    if family.arguments and (program in family.browsers or executable in family.browsers):
        for argument in process.arguments[:_MAX_ARGUMENTS]:
            if argument.lower() in family.arguments:
                return f"The program “{process.name}” was started with “{argument}”, which opens {family.title}."
    return ""


def _title_match(family: Family, title: str, app: str) -> tuple[int, int] | None:
    if family.signal != "private-window" and _PAGE_IN_BROWSER.search(title):
        return None
    for pattern, apps in family.titles:
        if apps and not any(app.startswith(known) for known in apps):
            continue
        found = pattern.search(title)
        if found:
            return found.span()
    return None


@cache
def families() -> tuple[tuple[Family, ...], frozenset[str]]:
    """Return the families of the pack, and the programs that never count."""
    loaded: dict[str, Any] = yaml.safe_load(read_text("concealment.yaml"))
    found = tuple(_family(signal, raw) for signal, raw in loaded["families"].items())
    return found, frozenset(loaded["never"]["programs"])


def _family(signal: str, raw: Mapping[str, Any]) -> Family:
    titles = tuple((re.compile(t["match"], re.I), frozenset(t["apps"])) for t in raw.get("titles", ()))
    return Family(
        signal=signal,
        title=raw["title"],
        severity=int(raw["severity"]),
        programs=frozenset(raw.get("programs", ())),
        paths=tuple(raw.get("paths", ())),
        arguments=frozenset(raw.get("arguments", ())),
        browsers=frozenset(raw.get("browsers", ())),
        titles=titles,
        must=tuple(raw["must"]),
        must_not=tuple(raw["must_not"]),
    )
