import pytest

from tocsin.evidence.keys import DeviceKey
from tocsin.evidence.notes import Checkpoint, Signer, sign_checkpoint

ENTRIES = (b'{"seq":0,"kind":"case.open"}', b'{"seq":1,"kind":"match.found"}', b'{"seq":2,"kind":"consultation"}')
NOTE = """\
log.tocsin.example/agency-17
3
fsgMAO/ugGu1RYG/10uQV0mAbve3M/eGoxJRHOfOPSY=

— log.tocsin.example/agency-17 AvaYi+A6Q9fOhwTvIIsUIDULK7osjzP1HXtrqYDW6KvH7agoe3HR4lenB31cp0hq5qaXhRwH12uBU3UJPid0XNh1yQA=
— witness.force-b.example/w1 0UFzKwAAAABpVbkAfdarQrqhaOW+rGtXlzdMWMoM287gbJrDHtH63wxULu839TpQSFZDoKQG/FxY2AGmAWYtUPdGVMmAIfYcInvSBQ==
"""  # noqa: E501


@pytest.fixture(scope="session")
def entries():
    """The three entries of the worked example in the design's evidence-integrity notes."""
    return ENTRIES


@pytest.fixture(scope="session")
def note():
    """The worked example's checkpoint, signed by its log and cosigned by its witness."""
    return NOTE


@pytest.fixture(scope="session")
def log():
    """The worked example's log key (seed 00..1f)."""
    return Signer("log.tocsin.example/agency-17", DeviceKey.from_seed(bytes(range(32))))


@pytest.fixture(scope="session")
def witness():
    """The worked example's witness key (seed 20..3f)."""
    return Signer("witness.force-b.example/w1", DeviceKey.from_seed(bytes(range(32, 64))))


@pytest.fixture(scope="session")
def checkpoint_of(log):
    """Makes the signed checkpoint over texts."""
    from tocsin.evidence.merkle import leaf_hash, root

    def make(texts, signer=log):
        leaves = [leaf_hash(text.encode()) for text in texts]
        return sign_checkpoint(Checkpoint(signer.name, len(leaves), root(leaves)), signer)

    return make
