"""What the tests of voice need: a token of the real SDK, documents of the real SDK, and calls as they end."""

from collections.abc import Callable

import requests
from twilio.jwt.access_token import AccessToken
from twilio.jwt.access_token.grants import VoiceGrant
from twilio.twiml.voice_response import VoiceResponse

from tests.sandbox.listener import Answer, Hook, Listener
from tests.sandbox.process import ACCOUNT, APPLICATION, KEY, Sandbox

US, CLIENT, DESK = "+15017122661", "+15558675310", "+15558675399"


def token(identity: str | None = "user_42", *, ttl: int = 3600, key: tuple[str, str] = KEY, **more: object) -> str:
    """An access token as omega makes it."""
    settings = {"account": ACCOUNT, "application": APPLICATION, "incoming": True, "nbf": AccessToken.__init__} | more
    nbf = {} if settings["nbf"] is AccessToken.__init__ else {"nbf": settings["nbf"]}
    made = AccessToken(settings["account"], *key, identity=identity, ttl=ttl, **nbf)
    made.add_grant(VoiceGrant(outgoing_application_sid=settings["application"], incoming_allow=settings["incoming"]))
    return made.to_jwt()


def register(sandbox: Sandbox, identity: str = "user_42", **more: object) -> requests.Response:
    """A device registers."""
    return requests.post(f"{sandbox.base_url}/device/register", json={"token": token(identity, **more)}, timeout=5)


def twiml(document: object) -> Answer:
    """An answer with TwiML."""
    return 200, "text/xml", str(document), {}


def plays(omega: Listener, **documents: object) -> None:
    """Let omega answer by the last part of a path; other paths get an empty document."""

    def answer(hook: Hook) -> Answer:
        name = hook.path.partition("?")[0].rpartition("/")[2]
        made = documents.get(name, VoiceResponse())
        return made(hook) if isinstance(made, Callable) else twiml(made)

    omega.answers = answer


def call(sandbox: Sandbox, path: str = "/handset/call", **given: object) -> dict:
    """Place a call and wait for its end; answers with its entry in the ledger."""
    body = ({"from": CLIENT, "to": US} if path == "/handset/call" else {}) | given
    answer = requests.post(sandbox.base_url + path, json=body, timeout=30)
    assert answer.status_code in {200, 202}, answer.text
    return answer.json()["call"]


def named(omega: Listener, name: str) -> list[Hook]:
    """The hooks on one path."""
    return [hook for hook in omega.hooks if hook.path.partition("?")[0].endswith(f"/{name}")]
