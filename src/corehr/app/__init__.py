"""The installation of one tenant: its features, store, clock and workers, without any way in from outside."""
