"""Text: normalising, matching phrases, following conversations and who speaks in them."""
