"""Probation periods of employments."""
