"""Wiring: settings, URLs and the WSGI door. Nobody imports it but its own lib."""
