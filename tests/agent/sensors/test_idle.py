from tocsin.agent.sensors.idle import IdleClock


def test_a_display_that_is_not_there_gives_no_clock():
    assert IdleClock.open(":98765") is None


def test_idle_time_of_a_real_server_is_a_number_or_unknown(x_server):
    clock = IdleClock.open(x_server)
    if clock is not None:
        value = clock.milliseconds()
        assert value is None or value >= 0
        clock.close()
