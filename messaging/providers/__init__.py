"""Adapters to the carriers: they translate and never decide; no Django, no models."""
