"""What callers of the voice endpoints send and read."""

from datetime import datetime

from pydantic import BaseModel, Field

from omega_project.lib.api.fields import Query, QueryId


class TokenQuery(Query):
    business_id: QueryId
    staff_id: QueryId


class VoiceToken(BaseModel):
    """An access token for a staff member's browser or phone client."""

    token: str = Field(description="A Twilio access token (JWT) with a voice grant, good for an hour.")
    identity: str = Field(description="How calls name this staff member's client.", examples=["b12_s17"])
    expires_at: datetime
