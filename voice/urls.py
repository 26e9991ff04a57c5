"""Paths of calls."""

from django.urls import path

from voice.views import VoiceCalls
from voice.webhooks import VoiceWebhooks

urlpatterns = [
    path("voice-calls/token", VoiceCalls.as_view({"get": "token"})),
    path("voice-calls/twiml", VoiceWebhooks.as_view({"post": "twiml"})),
    path("twilio/voice/status", VoiceWebhooks.as_view({"post": "status"})),
    path("twilio/voice/dial", VoiceWebhooks.as_view({"post": "dial"})),
    path("twilio/voice/voicemail", VoiceWebhooks.as_view({"post": "voicemail"})),
    path("twilio/voice/announcement", VoiceWebhooks.as_view({"post": "announcement"})),
    path("twilio/voice/recording", VoiceWebhooks.as_view({"post": "recording"})),
]
