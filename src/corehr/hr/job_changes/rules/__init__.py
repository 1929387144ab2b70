"""Rulebooks of the operations on job changes, one module per operation."""
