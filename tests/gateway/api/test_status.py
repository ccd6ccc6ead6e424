import time


def test_lists_that_nobody_looks_at_any_more_are_stale_and_the_process_lives_on(api):
    api.gateway.catalogue._stop.set()
    api.gateway.catalogue._thread.join(60)
    api.gateway.catalogue.followed = time.monotonic() - 66
    answer = api.get("/status")
    assert (answer.status_code, answer.text) == (503, "INDEX-STALE")
    assert api.get("/status/live").status_code == 200
