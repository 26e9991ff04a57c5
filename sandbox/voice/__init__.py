"""Twilio's voice half: devices with access tokens, handsets that call, TwiML played strictly, legs and recordings."""
