"""The small phone on the page, in a real browser: calls a business, leaves a voicemail, answers what rings."""

from collections.abc import Iterator

import pytest
import requests
from playwright.sync_api import Page, expect
from twilio.twiml.voice_response import Dial, VoiceResponse

from tests.sandbox.browser import needs_browser
from tests.sandbox.calling import CLIENT, US, call, named, plays, register, twiml
from tests.sandbox.listener import Answer, Hook, Listener
from tests.sandbox.process import Sandbox

pytestmark = needs_browser


@pytest.fixture
def desk(sandbox: Sandbox, omega: Listener) -> Iterator[None]:
    """A desk with one device, and a voicemail where it does not answer."""
    for path in ("/phones", "/device"):
        requests.delete(sandbox.base_url + path, timeout=5)
    register(sandbox)
    plays(omega, twiml=ring_desk, done=after_ringing, left=said("Thank you."))
    yield
    requests.delete(f"{sandbox.base_url}/ledger", timeout=5)


def said(words: str) -> VoiceResponse:
    document = VoiceResponse()
    document.say(words)
    return document


def ring_desk(_hook: Hook) -> Answer:
    document, dial = said("Hi."), Dial(action="/omega/done", timeout=20)
    dial.client("user_42")
    return twiml(document.append(dial))


def after_ringing(hook: Hook) -> Answer:
    document = VoiceResponse()
    if hook.form["DialCallStatus"] != "completed":
        document.say("Leave a message.")
        document.record(action="/omega/left", max_length=30, finish_on_key="#")
    return twiml(document)


def open_handset(page: Page, number: str) -> None:
    page.get_by_label("New handset").fill(number)
    page.get_by_role("button", name="Add").click()


def test_a_client_calls_and_leaves_a_voicemail(sandbox: Sandbox, omega: Listener, desk: None, page: Page) -> None:
    open_handset(page, CLIENT)
    page.get_by_role("button", name="Call this number").click()
    screen, rings = page.locator("#call"), page.locator("#rings")
    expect(screen).to_contain_text("Hi.")
    expect(rings).to_contain_text("user_42 rings")
    expect(screen.locator(".call-state")).to_have_text("Ringing")
    rings.get_by_role("button", name="Decline").click()
    expect(screen.locator(".call-state")).to_have_text("Recording your message")
    page.wait_for_timeout(1100)
    page.get_by_role("button", name="Finish with #").click()
    expect(screen).to_contain_text("Thank you.")
    expect(screen.locator(".call-state")).to_have_text("Call ended")
    expect(screen).to_be_hidden()
    left = named(omega, "left")[0].form
    assert (left["Digits"], left["RecordingDuration"]) == ("#", "1")
    assert sandbox.ledger(kind="call")[0]["spoken"] == ["Hi.", "Leave a message.", "Thank you."]


def test_a_desk_answers_and_the_client_hangs_up(sandbox: Sandbox, desk: None, page: Page) -> None:
    open_handset(page, CLIENT)
    page.get_by_role("button", name="Call this number").click()
    page.locator("#rings").get_by_role("button", name="Answer").click()
    expect(page.locator("#call .call-state")).to_have_text("Connected")
    page.locator("#call").get_by_role("button", name="Hang up").click()
    expect(page.locator("#call .call-state")).to_have_text("Call ended")
    entry = sandbox.ledger(kind="call")[0]
    assert [entry["status"], *(leg["status"] for leg in entry["legs"])] == ["completed", "completed"]


def test_an_outgoing_call_rings_and_is_answered_or_let_ring(
    sandbox: Sandbox, omega: Listener, desk: None, page: Page
) -> None:
    plays(omega, twiml=f"<Response><Dial callerId='{US}' timeout='3'><Number>{CLIENT}</Number></Dial></Response>")
    open_handset(page, CLIENT)
    call(sandbox, "/device/user_42/call", params={"To": CLIENT}, live=True)
    screen = page.locator("#call")
    expect(screen).to_contain_text("Incoming call")
    expect(screen).to_contain_text("+1 (501) 712-2661")
    screen.get_by_role("button", name="Answer").click()
    expect(screen.locator(".call-state")).to_have_text("Connected")
    screen.get_by_role("button", name="Hang up").click()
    expect(screen).to_be_hidden()
    call(sandbox, "/device/user_42/call", params={"To": CLIENT}, live=True)
    page.get_by_role("button", name="Let it ring").click()
    expect(screen).to_be_hidden()
    page.wait_for_timeout(3500)
    answered, ignored = sandbox.ledger(kind="call")
    assert [answered["legs"][0]["status"], ignored["legs"][0]["status"]] == ["completed", "no-answer"]
