"""Chapter "Basic information": types and fields that a company defines."""
