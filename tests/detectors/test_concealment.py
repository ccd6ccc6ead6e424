"""Concealment from programs and titles; what belongs to the device never counts."""

import pytest

from tocsin.detectors import Concealment, making
from tocsin.model import Finding, Observation, ProcessSeen


def started(name: str, *arguments: str, exe: str = "", ended: bool = False) -> Observation:
    return making.observation(ProcessSeen(name, exe, arguments, ended), app=name)


def run(*seen: Observation, detector: Concealment | None = None) -> list[Finding]:
    detector = detector or Concealment()
    return [finding for observation in seen for finding in detector.examine(observation)]


@pytest.mark.parametrize(
    ("seen", "signal"),
    [
        (started("chrome.exe", "--type=browser", "--incognito"), "private-window"),
        (started("firefox", "-private-window", "https://example.org"), "private-window"),
        (started("msedge", "--inprivate"), "private-window"),
        (started("tor"), "tor"),
        (started("firefox", exe="/home/x/tor-browser/Browser/firefox"), "tor"),
        (started("NordVPN.exe"), "vpn"),
        (started("wg-quick", "up", "wg0"), "vpn"),
        (started("bleachbit"), "wiper"),
        (started("C:\\Program Files\\VeraCrypt\\VeraCrypt.exe"), "vault"),
        (started("VirtualBoxVM"), "virtual-machine"),
        (making.observation(None, title="New Tab - Google Chrome (Incognito)"), "private-window"),
        (making.observation(None, title="Start — Mozilla Firefox (Private Browsing)"), "private-window"),
        (making.observation(None, title="Windows 11 [Running] - Oracle VM VirtualBox"), "virtual-machine"),
    ],
)
def test_seen(seen: Observation, signal: str) -> None:
    (found,) = run(seen)
    assert [s.name for s in found.signals] == [signal]
    assert found.category == "condition-observation"
    assert "work-tool" in found.benign


@pytest.mark.parametrize(
    "seen",
    [
        started("chrome", "https://example.org/?q=--incognito"),
        started("python3", "--incognito"),
        started("systemd-cryptsetup", "attach", "luks-root"),
        started("manage-bde.exe", "-status"),
        started("fdesetup"),
        started("KeePassXC"),
        started("1Password"),
        started("unattended-upgrade"),
        started("MicrosoftEdgeUpdate.exe"),
        started("nginx"),
        started("ssh-agent"),
        started("stunnel"),
        started("torch"),
        started("vpnaas-docs"),
        making.observation(None, title="What is TLS? - Mozilla Firefox"),
        making.observation(None, title="BitLocker Drive Encryption"),
        making.observation(None, title="Best VPN 2026 - Google Chrome"),
        making.observation(None, title=""),
    ],
)
def test_quiet(seen: Observation) -> None:
    assert run(seen) == []


def test_once_until_it_has_ended() -> None:
    detector = Concealment()
    assert len(run(started("tor"), started("tor"), detector=detector)) == 1
    assert len(run(started("tor", ended=True), started("tor"), detector=detector)) == 1


def test_two_programs_of_one_kind_are_two_findings() -> None:
    assert len(run(started("openvpn"), started("nordvpn"))) == 2
