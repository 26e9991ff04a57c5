"""Who: business, location, staff, client, sender, API key, and what a credential may reach."""
