"""The anti-stalkerware requirements that can be read off the source (overt-agent.md: A3, A4, A8, A9)."""

import re
from pathlib import Path

import tocsin
from tocsin.cli.agent import command

SOURCE = Path(tocsin.__file__).parent
AGENT = sorted([*(SOURCE / "agent").rglob("*.py"), SOURCE / "cli" / "agent.py"])
REPO = SOURCE.parent.parent


def test_no_switch_setting_or_variable_makes_it_silent_or_hidden():
    switch = re.compile(r"--?(?:silent|stealth|hidden?|covert|invisible|no-notice|skip-notice|accept|headless|quiet)\b")
    variable = re.compile(r"environ[^\n]*(?:NOTICE|ACCEPT|SILENT|STEALTH|HIDE|COVERT|SKIP)", re.I)
    words = re.compile(r"\b(?:stealth|covert|no_notice|skip_notice|hide_icon|silent_mode)\b", re.I)
    for path in AGENT:
        text = path.read_text()
        for pattern in (switch, variable, words):
            assert not pattern.search(text), f"{path.name}: {pattern.search(text)}"
    options = {o for sub in command.commands.values() for p in sub.params for o in p.opts}
    assert not [o for o in options if switch.match(o)]


def test_an_acceptance_is_written_in_one_place_only():
    adders = [path.name for path in AGENT if "_acceptances.add(" in path.read_text()]
    assert adders == ["run.py"]
    sayers = [path.name for path in AGENT if re.search(r'"accepted"(?! in|:)', path.read_text())]
    assert set(sayers) <= {"notice_keys.py", "run.py", "notice.py"}


def test_it_bears_its_own_name_and_touches_no_protection_of_the_system():
    text = "\n".join(path.read_text() for path in AGENT)
    for name in ("svchost", "kworker", "setproctitle", "prctl", "WindowsUpdate", "launchd"):
        assert name not in text, name
    for order in ("Add-MpPreference", "ExclusionPath", "setenforce", "spctl", "apparmor", "DisableRealtime"):
        assert order not in text


def test_no_microphone_camera_location_keys_or_remote_control():
    imports = re.compile(
        r"^\s*(?:import|from)\s+(?:cv2|pyaudio|sounddevice|pynput|keyboard|evdev|geocoder|gps|v4l2|paramiko|pty)\b",
        re.M,
    )
    for path in AGENT:
        text = path.read_text()
        assert not imports.search(text), path
        assert "record_enable_context" not in text, path
        assert "XI_RawKey" not in text, path
        assert "shell=True" not in text, path


def test_one_module_opens_connections():
    opens = re.compile(
        r"httpx\.(?:Client|get|post|put|stream|AsyncClient)\(|urlopen|requests\.|create_connection\(|telemetry"
    )
    found = {path.name for path in AGENT if opens.search(path.read_text())}
    assert found <= {"wire.py"}


def test_indicators_and_the_pages_for_people_are_shipped():
    assert (REPO / "docs" / "agent.md").exists()
    assert "legitimate" in (REPO / "docs" / "agent-indicators.md").read_text()


def test_it_serves_nothing_to_other_programs():
    listens = re.compile(r"\.bind\(|socket\.socket|HTTPServer|socketserver|start_server|uvicorn|dbus", re.I)
    for path in AGENT:
        assert not listens.search(path.read_text()), path
