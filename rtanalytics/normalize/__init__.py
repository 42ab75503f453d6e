"""Texts, names, links, tags and JSON values in one form, for sources and importers."""
