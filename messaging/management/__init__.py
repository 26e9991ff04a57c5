"""Commands for whoever operates omega: each parses, calls one service and prints."""
