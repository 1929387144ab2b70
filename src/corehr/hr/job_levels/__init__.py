"""Job levels: how senior a job is."""
