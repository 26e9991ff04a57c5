"""Every write of onboarding: the door, the steps, and what drives them."""
