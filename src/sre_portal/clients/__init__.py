"""Outward calls: the clock, folders of documents."""
