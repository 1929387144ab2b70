"""Processes: running approvals and their tasks."""
