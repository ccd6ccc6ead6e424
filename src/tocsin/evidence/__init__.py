"""Evidence: sealing, the journal chain, the transparency log, custody."""
