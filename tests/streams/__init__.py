"""Event streams that stay open."""
