import pytest

from tocsin.agent.sensors.wayland import unsupported


@pytest.mark.parametrize(
    "environment",
    [{"WAYLAND_DISPLAY": "wayland-0", "DISPLAY": ":0"}, {"XDG_SESSION_TYPE": "Wayland", "DISPLAY": ":1"}, {}],
)
def test_sessions_that_cannot_be_watched_say_why(environment):
    found = unsupported(environment)
    assert found is not None
    assert found.reason == "unsupported"
    assert found.detail.endswith(".")


def test_x11_is_supported():
    assert unsupported({"DISPLAY": ":0", "XDG_SESSION_TYPE": "x11"}) is None
