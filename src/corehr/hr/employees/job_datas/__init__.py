"""Job data: the department, location, job and managers of an employment, by day."""
