"""Contracts of employments, effective-dated."""
