"""What came in while nobody could call us: on the provider's own record, and filled in from there, once."""

import psycopg

from tests.journeys.scene import phone


def while_the_web_is_down(scene, *texts):
    """Each (number, words) comes to the carrier while omega's webhook cannot be reached."""
    scene.omega.end("web")
    try:
        return [scene.text(number, words)["webhook"]["status"] for number, words in texts]
    finally:
        scene.omega.start("web")


def said(scene, sent):
    return [one["body"] for one in scene.timeline(sent) if one["channel"] == "sms"]


def test_texts_that_came_while_the_web_was_down_are_filled_in_once_and_in_their_place(scene):
    number = phone()
    sent = scene.send(number, "before")
    scene.end_of(sent)
    assert while_the_web_is_down(scene, (number, "first"), (number, "second")) == [None, None]
    last = scene.send(number, "after")
    words = ["before", "first", "second", "after"]
    assert scene.until(lambda: said(scene, sent) == words), said(scene, sent)
    thread = scene.conversation(sent)
    assert (thread["unread_count"], thread["last_message"]["id"]) == (2, last["message_id"])


def test_of_more_than_a_page_of_texts_that_were_missed_the_oldest_are_filled_in_too(scene):
    number = phone()
    sent = scene.send(number, "before")
    scene.end_of(sent)
    for n in range(1, 1102):
        scene.text(number, f"missed {n}", webhook=False)
    assert scene.until(lambda: scene.conversation(sent)["unread_count"] == 1101, 60), scene.conversation(sent)


def test_a_stop_that_came_while_the_web_was_down_counts(scene):
    number = phone()
    scene.end_of(scene.send(number, "before"))
    while_the_web_is_down(scene, (number, "STOP"))
    assert scene.until(lambda: scene.send(number, "never")["status"] == "blocked")


def test_a_stop_heard_of_late_does_not_undo_the_start_that_followed(scene):
    number = phone()
    sent = scene.send(number, "before")
    scene.end_of(sent)
    while_the_web_is_down(scene, (number, "STOP"))
    assert scene.text(number, "START")["webhook"]["status"] == 200
    assert scene.until(lambda: "STOP" in said(scene, sent))
    assert scene.send(number, "hello again")["status"] == "queued"


def test_a_receipt_that_never_came_is_fetched(scene):
    scene.faults(callbacks={"drop": True})
    sent = [scene.send(phone(), "hello") for _ in range(3)]
    assert set(scene.ends_of(sent, 15).values()) == {"sent"}
    with psycopg.connect(scene.omega.place.database_url) as connection:
        connection.execute("UPDATE conversations_message SET lease_until = now() WHERE status = 'sent'")
    assert scene.until(lambda: {scene.status(one) for one in sent} == {"delivered"})
    assert scene.message(sent[0])["history"][-1]["source"] == "reconcile"
