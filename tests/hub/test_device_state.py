"""A device's row is read once and written back whole."""

from datetime import timedelta

from tocsin.evidence.journal import Head
from tocsin.hub import device_state


def test_what_is_changed_is_what_is_read_again(hub, device, held, clock) -> None:
    with hub.store.session() as session:
        state = device_state.load(session, [device.id, "nobody"])[device.id]
        assert (state.unit_id, state.head) == (held.unit_id, Head())
        state.advance(Head(7, "a" * 64, "boot", 5, "2026-11-22T17:00:00.000Z"), clock.now())
        state.health = {"state": "ok"}
        device_state.save(session, [state])
    with hub.store.reading() as session:
        again = device_state.load(session, [device.id])[device.id]
    assert again == state
    assert again.head.seq == 7


def test_overdue_are_those_without_a_sign_of_life(hub, device, another_device, clock) -> None:
    device.beat()
    clock.forward(60)
    another_device().beat()
    with hub.store.reading() as session:
        late = device_state.overdue(session, clock.now() - timedelta(seconds=45))
    assert [each.id for each in late] == [device.id]
