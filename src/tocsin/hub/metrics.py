"""What the hub counts about itself, for Prometheus. Numbers only: no ids, no names."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest


class Metrics:
    """One hub's counters, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.entries = Counter(
            "tocsin_journal_entries", "Journal entries by outcome.", ["outcome"], registry=self.registry
        )
        self.refusals = Counter(
            "tocsin_journal_refusals", "Refused journal entries by reason.", ["reason"], registry=self.registry
        )
        self.alerts = Counter(
            "tocsin_alerts_rung",
            "Alerts rung by category and severity.",
            ["category", "severity"],
            registry=self.registry,
        )
        self.evidence_bytes = Counter("tocsin_evidence_bytes", "Sealed bytes stored.", registry=self.registry)
        self.ingest_seconds = Histogram(
            "tocsin_ingest_seconds",
            "Time from a batch's arrival to its answer.",
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
            registry=self.registry,
        )
        self.devices = Gauge("tocsin_devices", "Devices by status.", ["status"], registry=self.registry)
        self.open_alerts = Gauge("tocsin_alerts_open", "Alerts nobody has closed.", ["status"], registry=self.registry)
        self.match_items = Counter(
            "tocsin_match_items", "Pictures, videos and files asked about.", registry=self.registry
        )
        self.match_found = Counter("tocsin_match_found", "Those of them that are on a list.", registry=self.registry)
        self.match_incomplete = Counter(
            "tocsin_match_incomplete",
            "Those that matched nothing while some list could not be searched: not known to be on no list.",
            registry=self.registry,
        )
        self.match_seconds = Histogram(
            "tocsin_match_seconds",
            "Time from a match request's arrival to its answer.",
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1),
            registry=self.registry,
        )
        self.lists = Gauge("tocsin_lists", "Hash lists by state.", ["state"], registry=self.registry)
        self.list_entries = Gauge("tocsin_list_entries", "Entries on the hash lists in use.", registry=self.registry)
        self.writer_waiting = Gauge("tocsin_writer_waiting", "Batches that wait to be written.", registry=self.registry)
        self.listeners = Gauge("tocsin_open_pages", "Pages that listen to live events.", registry=self.registry)
        self.watch_age = Gauge("tocsin_watch_age_seconds", "Seconds since the watch last ran.", registry=self.registry)

    def text(self) -> bytes:
        """Return every number in Prometheus' text format."""
        return generate_latest(self.registry)
