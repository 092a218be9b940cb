"""Competitors compare their figures, and none learns another's. See README.md."""
