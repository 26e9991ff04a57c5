"""omega from outside, as real programs: what a message lives through between a caller and a handset."""
