"""Django's WSGI application, for granian or any other WSGI server."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lium_site.settings.base")
application = get_wsgi_application()
