#!/usr/bin/env python
"""The door for operators: Django's commands and omega's own. An operator reaches every business."""

import os
import sys

from django.core.management import execute_from_command_line

from omega_project.lib import reach


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "omega_project.settings")
    with reach.everything():
        execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
