"""Each hub counts for itself."""

from tocsin.hub.metrics import Metrics


def test_two_hubs_in_one_process_do_not_share_counts() -> None:
    one, other = Metrics(), Metrics()
    one.refusals.labels("gap").inc()
    assert b'tocsin_journal_refusals_total{reason="gap"} 1.0' in one.text()
    assert b"gap" not in other.text()
