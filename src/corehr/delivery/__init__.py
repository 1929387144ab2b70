"""Events out: the outbox, and its delivery to webhooks and long connections."""
