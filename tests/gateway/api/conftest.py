from types import SimpleNamespace

import pytest

from tocsin import orders
from tocsin.evidence.sealing import open_sealed
from tocsin.gateway.enrolment import Counts
from tocsin.placement.blobs import Blobs
from tocsin.placement.recording import Recorder
from tocsin.placement.standing import Standing


class Recorded:
    """What a gateway records under an order: the journal's bodies, and the sealed documents opened."""

    def __init__(self, tmp_path, clock, journal, text, authority, identity):
        path = tmp_path / "order.json"
        path.write_text(orders.sign(text, authority))
        self.journal, self.blobs, self._identity = journal, Blobs(tmp_path / "sealed"), identity
        standing = Standing(path, (orders.public_key(authority),), "gateway-1")
        recorder = Recorder(standing, journal, self.blobs, clock, "salt")
        self.enrolment = SimpleNamespace(
            standing=standing, recorder=recorder, counts=Counts(), close=lambda: None, start=lambda: None
        )

    @property
    def bodies(self):
        return [entry.body for entry in self.journal.entries() if entry.kind == "finding"]

    def opened(self, body):
        return open_sealed(self.blobs.read(body["evidence"]["digest"]), [self._identity])


@pytest.fixture
def record(tmp_path, clock, open_journal, authority, identities):
    """Enrol an open gateway under the example policy of an internet service, changed as asked."""

    def enrol(gateway, change=lambda text: text):
        text = orders.template(
            "platform-policy", example=True, recipient=identities[0][1], recovery=identities[1][1], now=clock.now()
        )
        recorded = Recorded(tmp_path, clock, open_journal(bounds=None), change(text), authority, identities[0][0])
        gateway.road.enrolment = recorded.enrolment
        return recorded

    return enrol
