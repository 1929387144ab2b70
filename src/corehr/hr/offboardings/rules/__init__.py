"""The documented tables of what can be done with an offboarding, as rules."""
