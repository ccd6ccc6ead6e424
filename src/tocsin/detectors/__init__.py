"""Detectors, listed by hand, in the order they run."""

from tocsin.detectors.concealment import Concealment
from tocsin.detectors.conversation import Conversation
from tocsin.detectors.known_media import KnownMedia
from tocsin.detectors.live_stream import LiveStream
from tocsin.detectors.payments import Payments
from tocsin.detectors.phrases import Phrases
from tocsin.model import Detector

ALL: tuple[type[Detector], ...] = (Phrases, Conversation, Concealment, KnownMedia, LiveStream, Payments)
"""Every detector, in the order they run."""

__all__ = ["ALL", "Concealment", "Conversation", "KnownMedia", "LiveStream", "Payments", "Phrases"]
