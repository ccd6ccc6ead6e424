"""Orders: clauses, signing, what an order permits, and verdicts."""
