"""Lines that announce a quote, also the short ones that people's own programs write."""

import pytest

from messaging.mail.quoting import reply_of


@pytest.mark.parametrize(
    "line",
    ["On Mon, Bob wrote:", "On Monday Lotus Spa wrote:", "Am Montag schrieb Lotus:", "Le lundi, Lotus a écrit :"],
)
def test_a_line_that_only_names_a_day_announces_a_quote(line):
    assert reply_of(f"Great, thanks!\n\n{line}\n> See you at 9\n") == "Great, thanks!"


def test_a_clients_own_line_with_a_colon_stays():
    text = "I read your note:\n> bring a towel\nShall I?"
    assert reply_of(text) == text.strip() or "I read your note:" in reply_of(text)
