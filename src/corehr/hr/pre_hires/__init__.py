"""Pre-hires: people who are expected, until their first day has come or their onboarding is called off."""
