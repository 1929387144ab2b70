"""Fixtures of the delivery tests."""

from tests.gateway.conftest import store

__all__ = ["store"]
