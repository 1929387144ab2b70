"""Chapter "Employees": employments and their job data."""
