"""Celery tasks of validation: thin, named, safe to repeat."""
