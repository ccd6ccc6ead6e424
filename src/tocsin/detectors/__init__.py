"""Detectors, listed by hand, in the order they run."""
