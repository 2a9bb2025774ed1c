#!/usr/bin/env python
"""Django's command line. `./market manage` runs it inside the stack's environment."""

import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lium_site.settings.base")
    execute_from_command_line(sys.argv)
