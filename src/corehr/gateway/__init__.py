"""Floor 3: HTTP, tokens, shapes, ids. It never sees HR."""
