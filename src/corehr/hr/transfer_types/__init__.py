"""Transfer types: the kinds of job change that a company has."""
