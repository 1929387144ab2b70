"""Floor 3: HTTP, tokens, request schemas and ids; it imports nothing of HR."""
