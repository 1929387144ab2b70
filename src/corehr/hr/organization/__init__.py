"""Chapter "Organization management": companies, departments, locations and cost centers."""
