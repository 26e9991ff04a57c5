"""lib is an app only so that its static files and template tags are found."""

from django.apps import AppConfig


class LibConfig(AppConfig):
    name = "omega_project.lib"
    label = "omega_lib"
