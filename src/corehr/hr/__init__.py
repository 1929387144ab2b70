"""Floor 3: one package per HR resource; they meet only in each other's records."""
