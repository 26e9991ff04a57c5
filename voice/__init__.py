"""Calls: tokens, TwiML, call status, voicemail. The room is kept for its issue; nothing is in it yet."""
