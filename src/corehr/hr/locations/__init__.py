"""Locations: cities and offices, and what each may be used for."""
