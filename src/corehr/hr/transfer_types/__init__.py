"""Transfer types: the kinds of job change a company knows."""
