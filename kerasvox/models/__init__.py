"""Separators: a folder a system, and the base class they share."""
