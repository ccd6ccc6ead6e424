"""The hub: ingest, alerts, people, notification, API."""
