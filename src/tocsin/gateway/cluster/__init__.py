"""Beyond one machine: lists in an object store, lookups on the nodes of a Ray cluster, one core process."""
