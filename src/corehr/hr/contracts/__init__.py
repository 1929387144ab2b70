"""Contracts: what a person has signed, by the day."""
