"""The gateway: what internet services call. Lookups, messages, payments and live streams, on their own machines."""
