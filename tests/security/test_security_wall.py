"""The second wall: PostgreSQL itself gives the ORM no other business's rows, and none where nobody said whose."""

import contextlib
import contextvars
from importlib import import_module

import psycopg
import pytest
from django.apps import apps
from django.core.checks import run_checks
from django.db import DatabaseError, ProgrammingError, connection, models, transaction
from django.db.models import F
from django.http import JsonResponse, StreamingHttpResponse
from django.test import Client as Browser
from django.urls import include, path
from django.utils import timezone
from redis import Redis
from rq import Queue

from accounts.models import Business, Client, Location, Staff
from accounts.querysets import TenantQuerySet
from accounts.services import walls
from conversations.models import Change, Conversation, Message, MessageEvent
from messaging.models import Attempt, Template, WebhookEvent
from omega_project import urls
from omega_project.lib import admin as omega_admin
from omega_project.lib import jobs, reach, sql
from omega_project.lib.api.endpoints import OmegaViewSet
from omega_project.lib.postgresql.base import DatabaseWrapper
from tests.isolation.world import a_world
from tests.security.test_security_roles import login_as

TABLES = sorted(walls.rules())
MODELS = {model._meta.db_table: model for model in walls.our_models()}


@pytest.fixture
def world(db):
    """Two businesses with rows in most tables."""
    made, now = a_world(), timezone.now()
    for house in (made.ours, made.theirs):
        business_id, message_id = house.ids["business_id"], house.ids["message_id"]
        WebhookEvent.objects.create(business_id=business_id, dedupe_key=business_id, payload=b"", received_at=now)
        Attempt.objects.create(message_id=message_id, number=1, started_at=now)
        MessageEvent.objects.create(message_id=message_id, status="queued", at=now)
        Staff.objects.get(pk=house.ids["staff_id"]).locations.add(house.ids["location_id"])
    return made


def only(house):
    return reach.one_business(house.ids["business_id"])


def seen(model):
    """What a query without a scope finds."""
    return set(model._base_manager.values_list("pk", flat=True))


def business_path(model):
    """From a row to its business, told apart from what the wall makes of it."""
    columns = {field.attname: field for field in model._meta.concrete_fields}
    if model is Business or "business_id" in columns:
        return "pk" if model is Business else "business_id"
    ways = [field for field in columns.values() if field.related_model in MODELS.values() and not field.null]
    return f"{ways[0].name}__{business_path(ways[0].related_model)}"


def test_a_query_that_forgot_its_scope_finds_its_own_business_alone(world):
    ours, theirs = world.ours.ids["business_id"], world.theirs.ids["business_id"]
    for model in (MODELS[table] for table in TABLES):
        own = {one: set(model._base_manager.filter(**{business_path(model): one}).values_list("pk", flat=True))
               for one in (ours, theirs)}  # fmt: skip
        for business_id in (ours, theirs):
            with reach.one_business(business_id):
                assert seen(model) == own[business_id], model
        with reach.within(reach.NOTHING):
            assert seen(model) == set(), model
        assert seen(model) >= own[ours] | own[theirs]


def test_the_world_fills_most_tables(world):
    """The test above looks at rows, not at nothing."""
    with only(world.ours):
        filled = {table for table in TABLES if seen(MODELS[table])}
    assert len(filled) >= 20
    assert {"conversations_message", "accounts_client", "accounts_staff", "messaging_template", "accounts_apikey",
            "messaging_webhookevent", "messaging_attempt", "accounts_staff_locations", "conversations_change",
            "onboarding_onboardingstep", "conversations_messageevent"} <= filled  # fmt: skip


def test_nothing_of_others_is_changed_or_removed(world):
    message = world.ours.ids["message_id"]
    with only(world.theirs):
        assert Message.objects.filter(pk=message).update(body="Mine now") == 0
        assert Client.objects.exclude(business_id=world.theirs.ids["business_id"]).update(is_blocked=True) == 0
        assert Attempt.objects.filter(message_id=message).delete() == (0, {})
        assert not Template.objects.filter(business_id=world.ours.ids["business_id"]).delete()[0]
        with pytest.raises(Message.DoesNotExist):
            Message.objects.select_for_update().get(pk=message)
    assert Message.objects.get(pk=message).body == "Private: Xanadu"


@pytest.mark.parametrize("deed", [
    lambda ids: Template.objects.create(business_id=ids["business_id"], name="x", channel="sms", body="x"),
    lambda ids: MessageEvent.objects.create(message_id=ids["message_id"], at=timezone.now()),
    lambda ids: Template.objects.update(business_id=ids["business_id"]),
    lambda ids: Location.objects.bulk_create([Location(business_id=ids["business_id"], name="x")]),
    lambda ids: Business.objects.create(name="One more"),
])  # fmt: skip
def test_nothing_is_written_into_another_business(world, deed):
    with only(world.theirs), pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
        deed(world.ours.ids)
    with reach.within(reach.NOTHING), transaction.atomic():
        assert Template.objects.update(name="x") == 0


def test_ones_own_is_read_and_written_as_ever(world):
    """Foreign keys, triggers, cascades, conflicts and cursors on the server work behind the wall."""
    business_id, client_id = world.theirs.ids["business_id"], world.theirs.ids["client_id"]
    with only(world.theirs):
        changes = Change.objects.count()
        assert Conversation.objects.filter(client_id=client_id).update(labels=["vip"]) == 1
        assert Change.objects.count() == changes + 1
        made = [Template(business_id=business_id, name="same", channel="sms", body=str(one)) for one in range(2)]
        Template.objects.bulk_create(made[:1])
        Template.objects.bulk_create(
            made[1:], update_conflicts=True, unique_fields=["business", "name"], update_fields=["body"]
        )
        assert Template.objects.get(name="same").body == "1"
        with transaction.atomic():
            assert {one.business_id for one in Client.objects.iterator(chunk_size=1)} == {business_id}
        assert Client.objects.get(pk=client_id).delete()[0] > 5
    assert not Message.objects.filter(client_id=client_id).exists()
    assert Message.objects.filter(business_id=world.ours.ids["business_id"]).exists()


# Where the connection stands


def in_everything():
    with reach.everything():
        assert Business.objects.count() == 2


def raises_inside(world):
    with only(world.ours):
        in_everything()
        raise ValueError


def fails_in_a_transaction(world):
    with transaction.atomic():
        in_everything()
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 / 0")


def is_taken_back(world):
    with transaction.atomic():
        in_everything()
        transaction.set_rollback(True)


def breaks_a_rule(world):
    with transaction.atomic(), only(world.theirs):
        in_everything()
        Template.objects.update(business_id=world.ours.ids["business_id"])


@pytest.mark.parametrize("work", [raises_inside, fails_in_a_transaction, is_taken_back, breaks_a_rule])
def test_whatever_ends_a_block_the_next_query_reaches_no_further(world, work):
    """Each in a transaction that goes on, as a test's does: its savepoint takes back where the connection stood."""
    for before in (reach.NOTHING, reach.Reach(business_id=world.theirs.ids["business_id"]), reach.EVERYTHING):
        with reach.within(before):
            count = Business.objects.count()
            with contextlib.suppress(ValueError, DatabaseError):
                work(world)
            assert reach.current() == before
            assert Business.objects.count() == count == {"*": 2, 0: 0}.get(before.key, 1)
        with reach.within(reach.NOTHING):
            assert not Business.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_was_lost_or_made_anew_begins_with_nothing():
    Business.objects.create(name="A"), Business.objects.create(name="B")
    with reach.within(reach.NOTHING):
        for cut in (connection.close, _cut):
            in_everything()
            cut()
            assert not Business.objects.exists()


def _cut():
    with reach.everything(), pytest.raises(DatabaseError):
        Business.objects.raw("SELECT pg_terminate_backend(pg_backend_pid()) AS id")[0]
    connection.close()


def test_omegas_own_sql_and_the_orm_share_a_connection_and_not_their_reach(world):
    with only(world.theirs), transaction.atomic():
        for _ in range(7):  # prepared from the fifth on
            assert sql.rows("SELECT count(*)::int AS n FROM accounts_business")[0]["n"] == 2
            assert Business.objects.count() == 1
        with connection.cursor() as cursor:  # what is written by hand beside lib.sql is held too
            cursor.execute("SELECT count(*) FROM conversations_message")
            assert cursor.fetchone()[0] == Message.objects.count() > 0


def test_another_thread_begins_with_nothing():
    assert contextvars.Context().run(reach.current) == reach.NOTHING


def test_a_query_behind_the_wall_costs_no_round_trip_of_its_own(world, monkeypatch):
    moves = []
    with only(world.theirs):
        assert Business.objects.count() == 1
        monkeypatch.setattr(DatabaseWrapper, "_move", lambda self, wanted: moves.append(wanted))
        for _ in range(3):
            assert Business.objects.count() == 1
            assert sql.rows("SELECT count(*)::int AS n FROM accounts_business")[0]["n"] == 2
            assert Template.objects.update(name=F("name")) == 2
    assert moves == []


def test_a_cursor_on_the_server_reads_on_while_others_ask(world):
    with only(world.theirs), transaction.atomic():
        found = 0
        for _ in Client.objects.iterator(chunk_size=1):
            found += 1
            assert sql.rows("SELECT count(*)::int AS n FROM accounts_business")[0]["n"] == 2
            assert Business.objects.count() == 1
        assert found == Client.objects.count() > 1
        with connection.cursor() as cursor:
            cursor.executemany("UPDATE messaging_template SET name = name WHERE id > %s", [(0,), (1,)])
            assert cursor.rowcount == 4  # twice two of four


# Requests, pages, jobs


class Forgetful(OmegaViewSet):
    """An endpoint whose author forgot every scope."""

    def businesses(self, request):
        found = sorted(Business.objects.values_list("pk", flat=True))
        if request.GET.get("fails"):
            raise RuntimeError("in the middle")
        return JsonResponse({"found": found})


def open_page(request):
    return JsonResponse({"found": list(Business.objects.values_list("pk", flat=True))})


def streamed_page(request):
    return StreamingHttpResponse(str(Business.objects.count()) for _ in range(3))


urlpatterns = [
    path("admin/streamed", streamed_page),
    path("omega/forgetful", Forgetful.as_view({"get": "businesses"})),
    path("open", open_page),
    path("admin/forgetful", open_page),
    path("", include(urls)),
]


def test_a_request_reaches_its_credentials_business_and_the_next_one_begins_anew(world, settings):
    settings.ROOT_URLCONF = __name__
    ours, theirs = world.ours.ids["business_id"], world.theirs.ids["business_id"]
    browser = Browser(raise_request_exception=False)

    def found(place="/omega/forgetful", **headers):
        return browser.get(place, **headers).json()["found"]

    for _ in range(2):
        assert found(HTTP_X_API_KEY=world.platform_key) == [ours, theirs]
        assert found(HTTP_X_API_KEY=world.theirs.key) == [theirs]
        assert found("/open") == []
        assert found(HTTP_AUTHORIZATION=f"Bearer {world.ours.token}") == [ours]
        assert browser.get("/omega/forgetful?fails=1", HTTP_X_API_KEY=world.platform_key).status_code == 500
        assert found("/open") == []
    assert reach.current() == reach.EVERYTHING  # the test's own


def test_a_page_of_the_admin_reaches_what_its_person_may(world, settings):
    settings.ROOT_URLCONF = __name__
    ours, theirs = world.ours.ids["business_id"], world.theirs.ids["business_id"]
    theirs_owner = login_as("charlie", "owner", Business.objects.get(pk=theirs))
    support, stranger = login_as("sue", "support"), login_as("stan")
    for _ in range(2):
        assert sorted(support.get("/admin/forgetful").json()["found"]) == [ours, theirs]
        assert theirs_owner.get("/admin/forgetful").json()["found"] == [theirs]
        assert stranger.get("/admin/forgetful").json()["found"] == []
        assert Browser().get("/admin/forgetful").json()["found"] == []


def test_what_is_made_while_it_is_sent_has_the_reach_of_its_request(world, settings):
    settings.ROOT_URLCONF = __name__
    for name, role, found in (("charlie", "owner", b"111"), ("sue", "support", b"222"), ("stan", None, b"000")):
        business = Business.objects.get(pk=world.theirs.ids["business_id"]) if role == "owner" else None
        answer = login_as(name, role, business).get("/admin/streamed")
        with reach.within(reach.NOTHING):  # as a server's thread is
            assert b"".join(answer.streaming_content) == found


ADMIN_LISTS = ["accounts/client", "accounts/staff", "accounts/location", "accounts/business", "messaging/template",
               "conversations/conversation", "conversations/message", "accounts/auditentry"]  # fmt: skip


def test_without_the_first_wall_the_admin_shows_nothing_of_others(world, monkeypatch):
    owner = login_as("charlie", "owner", Business.objects.get(pk=world.theirs.ids["business_id"]))
    monkeypatch.setattr(omega_admin, "within_reach", lambda request, rows, path: rows)
    shown = b"".join(owner.get(f"/admin/{one}/").content for one in ADMIN_LISTS)
    assert b"Kubla" in shown
    assert b"Xanadu" not in shown
    for kind, name in (("client", "client_id"), ("location", "location_id"), ("staff", "staff_id")):
        assert owner.get(f"/admin/accounts/{kind}/{world.ours.ids[name]}/change/").status_code == 302
        assert owner.get(f"/admin/accounts/{kind}/{world.theirs.ids[name]}/change/").status_code == 200


def test_without_the_first_wall_the_api_gives_nothing_of_others(world, monkeypatch):
    monkeypatch.setattr(TenantQuerySet, "in_business", lambda self, business_id: self.all())
    place = f"/omega/businesses/{world.theirs.ids['business_id']}/templates"
    with reach.one_business(world.theirs.ids["business_id"]):
        assert Template.objects.in_business(world.ours.ids["business_id"]).count() == 2
    assert "Kubla" in Browser().get(place, HTTP_X_API_KEY=world.theirs.key).content.decode()
    one = Browser().get(f"{place}/{world.ours.ids['mail_template_id']}", HTTP_X_API_KEY=world.theirs.key)
    assert one.status_code == 404


noted = []


def forgetful_job():
    noted.append(Business.objects.count())


@reach.everything()
def open_job():
    noted.append(Business.objects.count())


@pytest.mark.django_db(transaction=True)
def test_a_job_that_says_nothing_reaches_nothing(settings, monkeypatch):
    Business.objects.create(name="A"), Business.objects.create(name="B")
    with Redis.from_url(settings.REDIS_URL) as line:
        queue, worker = Queue("wall", connection=line), jobs.OmegaWorker(["wall"], connection=line)
        noted.clear()
        for work in (forgetful_job, open_job, forgetful_job):
            queue.enqueue(work)
        monkeypatch.setattr(worker, "_install_signal_handlers", lambda: None)  # the process is pytest's
        worker.work(burst=True)
    assert noted == [0, 2, 0]


def test_every_job_of_omegas_says_how_far_it_reaches():
    apps_with_jobs = ("accounts", "conversations", "messaging", "voice", "onboarding")
    modules = [import_module(f"{name}.jobs") for name in apps_with_jobs]
    ours = [work for one in modules for work in vars(one).values() if getattr(work, "__module__", "") == one.__name__]
    assert len(ours) >= 12
    assert [work for work in ours if not hasattr(work, "__wrapped__")] == []


# The walls themselves


def test_every_table_of_a_business_has_its_wall(db):
    assert walls.gaps() == []
    assert walls.homeless() == []
    assert not run_checks(databases=["default"], tags=["database", "models"])
    tables = {row["table"] for row in walls.standing() if row["is_walled"]}
    assert tables == set(TABLES)


def test_a_table_without_its_wall_is_told_of_and_gets_it_with_the_next_migrate(db):
    for harm in ("DROP POLICY own_business ON messaging_template", "DROP POLICY own_business ON accounts_client",
                 "ALTER TABLE accounts_staff DISABLE ROW LEVEL SECURITY"):  # fmt: skip
        with connection.cursor() as cursor:
            cursor.execute(harm)
    assert walls.gaps() == ["accounts_client", "accounts_staff", "messaging_template"]
    [told] = [one for one in run_checks(databases=["default"], tags=["database"]) if one.id == "accounts.W003"]
    assert "accounts_client" in told.msg
    assert sorted(walls.raise_walls()) == ["accounts_client", "accounts_staff", "messaging_template"]
    assert walls.gaps() == walls.raise_walls() == []


def test_a_new_model_that_belongs_to_nobody_is_refused(monkeypatch):
    class Stray(models.Model):
        """Somebody wrote this tomorrow."""

        class Meta:
            app_label = "stray"

        def __str__(self):
            return "stray"

    class Kept(models.Model):
        """And this, beside a message."""

        message = models.ForeignKey(Message, models.CASCADE, related_name="+")

        class Meta:
            app_label = "stray"

        def __str__(self):
            return "kept"

    monkeypatch.setattr(walls, "our_models", lambda: iter([*MODELS.values(), Stray, Kept]))
    try:
        assert walls.homeless() == [Stray]
        assert [one.id for one in run_checks(tags=["models"])] == ["accounts.E001"]
        assert "business_id" in walls.rules()["stray_kept"]
    finally:
        apps.all_models.pop("stray")
        apps.clear_cache()


def test_a_login_that_may_not_step_behind_the_wall_is_told_so(world, settings, caplog):
    """A hosted PostgreSQL may give no more than tables: then the code alone keeps businesses apart, and says it."""
    settings.DATABASE_WALL_ROLE = "pg_read_all_data"
    connection._has_wall = None
    try:
        with only(world.theirs):
            assert Business.objects.count() == 2
            assert connection._has_wall is False
        [told] = [one for one in run_checks(databases=["default"], tags=["database"]) if one.id == "accounts.W002"]
        assert "pg_read_all_data" in told.msg
        settings.DATABASE_WALL_ROLE = ""
        assert [one.id for one in run_checks(databases=["default"], tags=["database"])] == ["accounts.W001"]
    finally:
        connection._has_wall = None


def test_the_walls_role_owns_nothing_and_changes_no_table(world):
    with only(world.theirs), connection.cursor() as cursor:
        for harm in ("ALTER TABLE accounts_client DISABLE ROW LEVEL SECURITY", "TRUNCATE accounts_client CASCADE",
                     "DROP POLICY own_business ON accounts_client"):  # fmt: skip
            with pytest.raises((ProgrammingError, psycopg.errors.InsufficientPrivilege)), transaction.atomic():
                cursor.execute(harm)
