"""Twilio's half of the carrier: the Messages resource, its callbacks and what handsets send."""
