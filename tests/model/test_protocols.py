"""The two interfaces can be recognised at run time."""

from collections.abc import Iterator

from tocsin.model import Observation, Sensor


class Still:
    def observations(self) -> Iterator[Observation]:
        return iter(())


def test_a_sensor_is_whatever_yields_observations() -> None:
    assert isinstance(Still(), Sensor)
    assert not isinstance(object(), Sensor)
