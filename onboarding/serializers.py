"""The API's objects of onboarding (api.md, 6 and 7)."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from omega_project.lib.api.fields import Query, QueryId

StatusName = Literal["in_progress", "completed", "failed"]
StepName = Literal[
    "validate", "create_business", "locations", "staff", "provider_account", "senders", "email_sender", "defaults",
    "test_message", "api_key",
]  # fmt: skip
StepStatus = Literal["pending", "running", "retrying", "waiting", "done", "skipped", "failed"]


class OnboardingStarted(BaseModel):
    onboarding_id: int
    business_id: int
    status: StatusName


class OnboardingStepState(BaseModel):
    name: StepName
    status: StepStatus
    detail: str | None = Field(description="What was done; of a step that failed or waits, what a person must do.")
    at: datetime | None = Field(description="When it came to this.")


class OnboardingState(BaseModel):
    onboarding_id: int
    business_id: int
    status: StatusName = Field(description="`failed`: a step waits for a person, and says for what.")
    steps: list[OnboardingStepState]
    api_key: str | None = Field(
        description="The business's key, once: to the first platform key that reads after completion."
    )


class OfBusiness(Query):
    business_id: QueryId
