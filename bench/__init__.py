"""The benchmarks behind `make bench`: omega's own figures on this machine, beside what bounds them here."""
