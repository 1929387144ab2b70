"""Departments: the tree of the organisation, by the day."""
