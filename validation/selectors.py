"""Reads of validation, shaped for pages and API."""
