"""Departments: the tree of the organisation, effective-dated."""
