"""The rules of the offboarding operations: their documented error tables."""
