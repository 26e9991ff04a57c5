"""The marks by which a reply finds its conversation: forged ones open nothing."""

import pytest

from messaging.services import reply_tokens

HIGHEST = 2**63 - 1


@pytest.mark.parametrize("number", [1, 901177, HIGHEST])
def test_a_message_id_names_its_message_in_any_case_and_dress(number: int) -> None:
    made = reply_tokens.message_id_for(number)
    local, _, domain = made.partition("@")
    assert (domain, len(local) <= 64, made) == ("inbound.omega.test", True, made.lower())
    for dressed in (made, f"<{made}>", f" <{made.upper()}> ", made.replace(domain, "moved.example")):
        assert reply_tokens.read_message_id(dressed) == number


@pytest.mark.parametrize("number", [1, 54321, HIGHEST])
def test_a_reply_address_names_its_conversation(number: int) -> None:
    made = reply_tokens.reply_address(number)
    assert made.startswith("reply+")
    assert len(made.partition("@")[0]) <= 64
    assert reply_tokens.read_reply_address(made.upper()) == number
    assert reply_tokens.read_reply_address(made.replace("inbound.omega.test", "elsewhere.example")) is None


def test_a_mark_for_one_purpose_is_of_no_use_for_another() -> None:
    word = reply_tokens.message_id_for(7).partition("@")[0].removeprefix("m.")
    assert reply_tokens.read_reply_address(f"reply+{word}@inbound.omega.test") is None


@pytest.mark.parametrize("place", range(0, 32, 5))
def test_a_changed_mark_opens_nothing(place: int) -> None:
    made = reply_tokens.message_id_for(901177)
    at = place + len("m.")
    changed = made[:at] + ("a" if made[at] != "a" else "b") + made[at + 1 :]
    assert reply_tokens.read_message_id(changed) is None


@pytest.mark.parametrize(
    "text",
    ["", "<>", "m.@x", "m." + "a" * 32 + "@x", "m." + "1" * 32 + "@x", "é" * 34 + "@x", "<CAF=x@mail.gmail.com>"],
)
def test_what_we_did_not_make_opens_nothing(text: str) -> None:
    assert reply_tokens.read_message_id(text) is None
    assert reply_tokens.read_reply_address(text) is None


def test_a_mark_of_a_key_rotated_out_still_opens(settings):
    made = reply_tokens.reply_address(5)
    settings.SECRET_KEY, old = "another-key", settings.SECRET_KEY
    assert reply_tokens.read_reply_address(made) is None
    settings.SECRET_KEY_FALLBACKS = [old]
    assert reply_tokens.read_reply_address(made) == 5


def test_without_an_inbound_domain_there_is_no_reply_address(settings):
    settings.INBOUND_EMAIL_DOMAIN = ""
    assert reply_tokens.reply_address(5) == ""
    assert reply_tokens.message_id_for(5).endswith("@testserver")
