"""Normalize what people and services write; shared by sources and importers."""
