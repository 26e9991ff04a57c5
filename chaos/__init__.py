"""omega under fire: a seeded load and seeded faults against the real programs, and a checker that believes nobody."""
