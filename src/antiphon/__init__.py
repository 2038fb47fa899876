"""Antiphon: a Responses API server that people run themselves."""

__version__ = "0.1.0"
