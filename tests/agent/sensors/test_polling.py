"""The adapter itself is untested (docs say so); what can be shown here: it has what the screen sensor asks for."""

from tocsin.agent.sensors.polling import PolledDisplay
from tocsin.agent.sensors.x11 import X11Display


def test_it_has_every_public_part_of_the_x11_display():
    wanted = {name for name in vars(X11Display) if not name.startswith("_")} - {"window_at"}
    assert wanted <= set(dir(PolledDisplay))
