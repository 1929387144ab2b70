"""What says no to a job change, operation by operation."""
