"""Chapter "Job management": jobs, families, levels, grades and positions."""
