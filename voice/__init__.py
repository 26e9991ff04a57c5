"""Calls: tokens for staff, TwiML, what became of each call, voicemail."""
