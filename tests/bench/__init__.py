"""The benchmarks: that they measure what they say, and leave nothing running."""
