"""The sandbox carrier, tested from outside: a real process, the real SDKs."""
