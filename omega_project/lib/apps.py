"""lib is an app so that its static files and template tags are found, and to arm the failpoints at the start."""

from django.apps import AppConfig
from django.conf import settings

from omega_project.lib import failpoints


class LibConfig(AppConfig):
    name = "omega_project.lib"
    label = "omega_lib"

    def ready(self) -> None:
        failpoints.arm(settings.FAILPOINTS)
