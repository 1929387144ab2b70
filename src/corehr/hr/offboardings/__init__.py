"""Offboardings: people who are leaving."""
