"""The ASGI door, for the windows that live alone: granian serves everything else by WSGI (docs/architecture.md)."""

import gc
import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "omega_project.settings")
django.setup()

from messaging.console.live import Live  # noqa: E402  after the set-up

application = Live()
gc.collect()
gc.freeze()
