"""Storages: trees of files."""
