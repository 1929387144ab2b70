"""Probation: when it is expected to end."""
