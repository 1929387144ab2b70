"""The HTTP server: one ASGI application over an installation, and the process that serves it."""
