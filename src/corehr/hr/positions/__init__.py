"""Positions: seats that people are put on."""
