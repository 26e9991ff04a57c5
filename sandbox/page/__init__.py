"""The handset and the mailbox in the browser: static files without a build step, kept live by a stream."""
