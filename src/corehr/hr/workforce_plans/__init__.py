"""Workforce plans: how many people a part of the company may have."""
