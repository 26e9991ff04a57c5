"""What PostgreSQL says in a failover, each word of it: callers are told to come again, hooks wait on the disk."""

import pytest
from django.db import InternalError, OperationalError, connection

from conversations.models import Message
from messaging.services import spool, spooling
from omega_project.lib import sql
from omega_project.lib.api.middleware import drop_dead_connection
from tests.contract import world as contract
from tests.contract.shapes import assert_error
from tests.support.spools import own_spool

AWAY = [
    "25006",  # read only: a standby, or a primary that was demoted
    "25P03", "25P04",  # it ended the session, or the transaction, for its time
    "57P01", "57P02", "57P03",  # it shuts down, crashed, or starts
    "53300", "53100",  # no connection is left; the disk is full
    "08000", "08003", "08006", "08P01",  # the line
]  # fmt: skip
# Every write of a message is answered with this state by PostgreSQL itself.
_REFUSE = """
CREATE FUNCTION pg_temp.refuse() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'as in a failover' USING ERRCODE = '{}'; END $$;
CREATE TRIGGER refuse BEFORE INSERT ON conversations_message FOR EACH ROW EXECUTE FUNCTION pg_temp.refuse()
"""


@pytest.fixture(autouse=True)
def folder(settings, tmp_path):
    own_spool(settings, tmp_path)


@pytest.fixture
def studio(db):
    return contract.a_studio()


def _turn_read_only():
    """This session, as all of a server that was demoted; a new one is as before."""
    connection.close()
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = on")


@pytest.mark.parametrize("state", AWAY)
def test_a_send_is_503_and_a_hook_is_kept(studio, state):
    with connection.cursor() as cursor:
        cursor.execute(_REFUSE.format(state))
    answer = contract.queue(studio)
    assert_error(answer, 503, "unavailable")
    assert answer.headers["Retry-After"]
    assert contract.reply(studio, contract.phone(), "hello").status == 200
    assert spool.waiting() == 1
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER refuse ON conversations_message")
    assert (spooling.drain(), spool.waiting()) == (1, 0)
    assert Message.objects.filter(direction="inbound", body="hello").count() == 1


@pytest.mark.django_db(transaction=True)
def test_after_a_failover_the_old_server_is_left_and_all_goes_on_with_the_new_one():
    studio = contract.a_studio()
    _turn_read_only()
    asked = {"to": contract.phone(), "request_id": "in-a-failover"}
    assert_error(contract.queue(studio, **asked), 503, "unavailable")
    assert contract.queue(studio, **asked).status == 202
    assert Message.objects.filter(request_id="in-a-failover").count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_worker_leaves_a_server_that_takes_no_writes():
    _turn_read_only()
    old = connection.connection
    with pytest.raises(OperationalError):
        sql.rows("CREATE TABLE nobodys (id int)")
    assert not connection.is_usable()
    drop_dead_connection()
    assert sql.rows("SHOW default_transaction_read_only") == [{"default_transaction_read_only": "off"}]
    assert connection.connection is not old


@pytest.mark.django_db
def test_a_fault_of_the_database_itself_is_none_of_these():
    with pytest.raises(InternalError):
        sql.rows("DO $$ BEGIN RAISE EXCEPTION 'a page is damaged' USING ERRCODE = 'XX001'; END $$")
