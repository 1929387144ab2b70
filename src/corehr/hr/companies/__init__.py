"""Companies: the legal entities people work for."""
