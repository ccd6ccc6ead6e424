"""What a non-programmer reviews: phrases, clauses, indicators (YAML)."""
