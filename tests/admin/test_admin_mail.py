"""A client's mail in the admin: shown where nothing of it can run, its source at hand, and held ones decided."""

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client as Browser

from accounts.models import ClientAddress
from conversations.media_links import link_for
from conversations.models import Attachment, Message
from tests.admin.world import EVIL, a_thread, opened_to
from tests.mail.letters import (
    a_house,
    a_mail,
    address,
    arrives,
    event,
    token_of,
    writes,
)
from tests.mail.letters import a_thread as a_mail_thread

pytestmark = pytest.mark.django_db
HOSTILE = (
    "<p>Hello</p><script>alert(1)</script><style>p{color:red}</style><img src='https://track.example/p.gif'>"
    "<img src='cid:pic'><a href='javascript:alert(1)'>x</a><form action='https://x.example'><input></form>"
)


def part(message, name):
    return f"/admin/conversations/message/{message.pk}/mail/{name}/"


def thread_page(browser, thread):
    answer = browser.get(f"/admin/conversations/conversation/{thread.pk}/change/")
    assert answer.status_code == 200
    return answer.content.decode()


def message_page(browser, message):
    answer = browser.get(f"/admin/conversations/message/{message.pk}/change/")
    assert answer.status_code == 200
    return answer.content.decode()


def do(browser, message, deed):
    return browser.post(f"/admin/conversations/message/{message.pk}/do/{deed}/")


def somebody_who_may(*codenames):
    user = User.objects.create_user(address("user"), is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    return user


@pytest.fixture
def thread(db):
    return a_mail_thread(a_house())


def test_the_timeline_shows_the_reply_and_leads_to_the_rest(browser, thread):
    text = "Yes!\n\nOn Mon, 3 Mar 2025 at 10:12, Us <us@x.example> wrote:\n> Tuesday?\n"
    message = writes(thread.client.email, token_of(thread), text, html="<p>Yes!</p>")
    page = thread_page(browser, thread)
    assert "Friday" in page
    assert "Tuesday?" not in page
    for name in ("text", "html", "source"):
        assert part(message, name) in page
    assert "&gt; Tuesday?" in browser.get(part(message, "text")).content.decode()


def test_a_frame_lets_nothing_run_and_nothing_in(browser, thread):
    message = writes(thread.client.email, token_of(thread), html=HOSTILE)
    answer = browser.get(part(message, "html"))
    html, policy = answer.content.decode(), answer.headers["Content-Security-Policy"]
    assert "Hello" in html
    assert not [word for word in ("<script", "javascript:", "<form", "<input", ' src="https') if word in html]
    assert "default-src 'none'" in policy
    assert "sandbox" in policy
    assert "https:" not in policy.split("img-src")[1].split(";")[0]
    assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert f'href="{part(message, "html")}?remote=1"' in thread_page(browser, thread)


def test_remote_pictures_are_shown_when_asked_for(browser, thread):
    message = writes(thread.client.email, token_of(thread), html=HOSTILE)
    answer = browser.get(part(message, "html"), {"remote": "1"})
    assert 'src="https://track.example/p.gif"' in answer.content.decode()
    assert "img-src https: http:" in answer.headers["Content-Security-Policy"]
    assert "<script" not in answer.content.decode()


def test_a_picture_of_the_mail_itself_is_shown_from_our_copy(browser, thread):
    mail = (
        f"From: {thread.client.email}\r\nMessage-ID: <i@x>\r\nContent-Type: multipart/related; boundary=b\r\n\r\n"
        '--b\r\nContent-Type: text/html\r\n\r\n<img src="cid:Pic@1">\r\n--b\r\nContent-Type: image/png\r\n'
        "Content-ID: <pic@1>\r\nContent-Disposition: inline; filename=p.png\r\n\r\npng\r\n--b--\r\n"
    )
    arrives(mail.encode(), token_of(thread))
    kept = Attachment.objects.get()
    assert f"/omega/media/{kept.pk}-" in browser.get(part(Message.objects.get(), "html")).content.decode()


def test_the_source_is_a_download_byte_for_byte(browser, thread):
    mail = a_mail(thread.client.email, token_of(thread), html=HOSTILE)
    arrives(mail, token_of(thread))
    answer = browser.get(part(Message.objects.get(), "source"))
    assert b"".join(answer.streaming_content) == mail
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("name", ["text", "html", "source"])
def test_a_texts_page_has_no_mail(browser, name):
    message = a_thread().messages.get()
    assert browser.get(part(message, name)).status_code == 404


@pytest.mark.parametrize("name", ["text", "html", "source"])
def test_who_may_not_see_messages_sees_no_mail(thread, name):
    message = writes(thread.client.email, token_of(thread))
    visitor = Browser()
    assert visitor.get(part(message, name)).status_code == 302
    visitor.force_login(somebody_who_may())
    assert visitor.get(part(message, name)).status_code == 404
    visitor.force_login(somebody_who_may("every_business"))
    assert visitor.get(part(message, name)).status_code in {403, 404}
    reader = somebody_who_may("view_message", "every_business")
    visitor.force_login(reader)
    opened_to(reader, thread.business)
    assert visitor.get(part(message, name)).status_code == 200


def test_held_mail_says_why_and_is_accepted_from_the_conversation(browser, thread):
    stranger = address("eve")
    message = writes(stranger, token_of(thread))
    assert f"From {stranger}, an address that we do not know" in thread_page(browser, thread)
    answer = do(browser, message, "accept_held")
    assert answer.headers["Location"] == f"/admin/conversations/conversation/{thread.pk}/change/#end"
    assert ClientAddress.objects.filter(client_id=thread.client_id, address=stranger).exists()
    assert "an address that we do not know" not in thread_page(browser, thread)
    assert do(browser, message, "accept_held").status_code == 404


def test_held_mail_is_moved_and_one_lands_where_it_went(browser, thread):
    message = writes(address("eve"), token_of(thread))
    answer = do(browser, message, "move_held")
    message.refresh_from_db()
    assert answer.headers["Location"].startswith(f"/admin/conversations/conversation/{message.conversation_id}/")
    assert message.conversation_id != thread.pk


@pytest.mark.parametrize(("may", "status"), [("view_conversation", 403), ("change_conversation", 302)])
def test_who_may_change_conversations_decides(thread, may, status):
    message = writes(address("eve"), token_of(thread))
    visitor, user = Browser(), somebody_who_may("view_message", "every_business", may)
    visitor.force_login(user)
    opened_to(user, thread.business)
    assert do(visitor, message, "accept_held").status_code == status
    message.refresh_from_db()
    assert ("held" in message.metadata) == (status == 403)


def test_who_may_decide_on_mail_may_not_retry_for_that(thread):
    message = writes(address("eve"), token_of(thread))
    Message.objects.filter(pk=message.pk).update(direction="outbound", status="failed", due_at=message.created_at)
    visitor = Browser()
    visitor.force_login(somebody_who_may("view_message", "every_business", "change_conversation"))
    assert do(visitor, message, "retry").status_code == 403


def test_an_automatic_mail_is_marked(browser, thread):
    message = writes(thread.client.email, token_of(thread), Auto_Submitted="auto-replied")
    assert "An automatic reply" in thread_page(browser, thread)
    assert "An automatic reply" in message_page(browser, message)


def test_a_messages_page_tells_where_its_mail_came_from(browser, thread):
    message = writes(f'"{EVIL}" <{thread.client.email}>', token_of(thread), Subject=EVIL, In_Reply_To="<x@y.example>")
    page = message_page(browser, message)
    assert EVIL not in page
    for wanted in (
        "found by the reply address that it was written to",
        "vouches for",
        "x@y.example",
        "Download the mail as it came",
    ):
        assert wanted in page


def test_an_events_page_gives_out_the_mail_it_keeps(browser):
    mail = a_mail(address(), "x@y.example")
    arrives(mail, "nobody@nowhere.example")
    page = browser.get(f"/admin/messaging/webhookevent/{event().pk}/change/").content.decode()
    assert "No business has the address nobody@nowhere.example" in page
    answer = browser.get(f"/admin/messaging/webhookevent/{event().pk}/source/")
    assert b"".join(answer.streaming_content) == mail


@pytest.mark.parametrize(
    "kind", ["image/svg+xml", "text/html", "application/xhtml+xml", "application/javascript", "text/xml"]
)
def test_a_file_that_could_run_is_a_download_of_no_type(kind, thread, client):
    message = writes(thread.client.email, token_of(thread), files=[("x", kind, b"<script>alert(1)</script>")])
    kept = Attachment.objects.get(message=message)
    answer = client.get(link_for(kept.pk).replace("http://testserver", ""))
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
