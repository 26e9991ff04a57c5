"""The support console: an inbox in the admin, and the windows that live."""
