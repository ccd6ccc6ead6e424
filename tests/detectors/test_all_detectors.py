"""What holds for every detector: name, version, words about itself, and its own examples."""

import pytest

from tocsin.detectors import ALL
from tocsin.model import BENIGN, SIGNALS, Detector, Example

CASES = [(detector, example) for detector in ALL for example in detector.examples()]


@pytest.mark.parametrize("detector", ALL, ids=lambda detector: detector.name)
def test_named_versioned_explained(detector: type[Detector]) -> None:
    assert isinstance(detector(), Detector)
    assert detector.name == detector.__module__.rsplit(".", 1)[-1].replace("_", "-")
    assert detector.version
    assert detector.__doc__
    assert detector.reads
    assert {example.fires for example in detector.examples()} == {True, False}


@pytest.mark.parametrize(("detector", "example"), CASES, ids=[f"{d.name}: {e.name}" for d, e in CASES])
def test_examples(detector: type[Detector], example: Example) -> None:
    instance = detector()
    found = [finding for seen in example.seen for finding in instance.examine(seen)]
    assert bool(found) is example.fires
    for finding in found:
        assert finding.why.endswith(".")
        assert {signal.name for signal in finding.signals} <= set(SIGNALS)
        assert set(finding.not_seen) <= set(SIGNALS)
        assert set(finding.benign) <= set(BENIGN)
        for quote in finding.quotes:
            assert all(0 <= start < end <= len(quote.text) for start, end in quote.spans)


@pytest.mark.parametrize("detector", ALL, ids=lambda detector: detector.name)
def test_other_kinds_of_observation_are_let_pass(detector: type[Detector]) -> None:
    for _, example in CASES:
        for seen in example.seen:
            list(detector().examine(seen)) if seen.kind in detector.reads else None
