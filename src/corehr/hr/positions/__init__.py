"""Positions that employees are assigned to."""
