"""Job families: the sequences that jobs belong to."""
