"""The roof: settings, urls, asgi, celery, the API objects and what `./market` runs."""
