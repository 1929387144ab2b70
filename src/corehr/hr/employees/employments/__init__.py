"""Employments: their effective-dated fields and their reporting lines."""
