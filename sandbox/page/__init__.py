"""The handset in the browser: static files without a build step, and the stream that keeps them live."""
