"""The reporting worker: it holds the reporting key, takes approved reports from the hub, and files them, once each."""
