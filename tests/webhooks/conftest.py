"""A platform that listens, and a studio that tells it what changes."""

import pytest

from tests.contract.world import a_studio, post
from tests.webhooks.receiver import a_platform


@pytest.fixture
def platform():
    with a_platform() as one:
        yield one


@pytest.fixture
def studio(transactional_db):
    return a_studio()


@pytest.fixture
def hooked(studio, platform):
    """The studio's endpoint at the platform, as its making was answered."""
    made = post(f"{studio.path}/webhook-endpoints", {"url": platform.url}, studio.key)
    assert made.status == 201, made.raw
    return made.body
