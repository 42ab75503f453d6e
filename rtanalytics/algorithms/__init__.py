"""Algorithms other than the five of :mod:`rtanalytics.trending`, and the registry of all of them."""
