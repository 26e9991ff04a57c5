"""Nothing in this app's tables is about a client: a business and its staff sign up (omega_project/lib/masking.py)."""

from omega_project.lib import masking

masking.declare_plain(
    "onboarding_onboarding", "onboarding_onboardingrequest", "onboarding_onboardingstep", "onboarding_invitation"
)
