"""Workforce plans: headcount limits of parts of the company."""
