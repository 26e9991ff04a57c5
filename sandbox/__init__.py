"""The sandbox carrier: Twilio and SendGrid for whoever runs omega without an account."""
