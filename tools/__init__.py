"""Programs for whoever works on omega; nothing that serves a request imports them."""
