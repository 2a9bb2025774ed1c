"""Scores and weights as a pure function of published data: no Django, no database, no clock, no float."""
