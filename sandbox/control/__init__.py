"""What a test or a person steers the carrier with; no real carrier has these paths."""
