"""The thread: conversation, message (the timeline's one table), assignment, read state."""
