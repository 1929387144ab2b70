"""Jobs, and the job families and levels that each allows."""
