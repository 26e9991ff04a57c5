"""Setting a business up at its providers: they translate and never decide; no Django, no models."""
