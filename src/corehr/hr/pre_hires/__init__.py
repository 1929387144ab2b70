"""Pre-hires: people with an accepted offer, until their onboarding is completed or withdrawn."""
