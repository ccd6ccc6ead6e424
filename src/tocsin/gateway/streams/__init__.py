"""Live streams and recordings, watched frame by frame while they are on air."""
