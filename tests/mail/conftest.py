"""A studio that sends mail."""

import pytest

from tests.contract import world


@pytest.fixture
def studio(db):
    made = world.a_studio(quiet_from="00:00", quiet_until="00:00")
    made.mailbox = world.a_mail_sender(made)
    return made
