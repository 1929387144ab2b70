"""What corehr documents about itself: the rulebook, coverage and OpenAPI."""
