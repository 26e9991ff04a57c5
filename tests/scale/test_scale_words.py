"""Words at a million messages: found by their index, all of them, and no table is read for what is rare or was common.

`dragonfruit` is in ten messages, `scarf` in one of fifty, `massage` in one of eight, and `eclipse` in thirty thousand
that are all old; `locker` is in one of fifty, and of the long conversations in one message far back; `Ottoline` is ten
thousand of the oldest clients.
"""

import pytest

from omega_project.lib import sql
from tests.scale.plans import assert_walks
from tests.scale.test_scale_conversations import SORTS
from tests.scale.town import GIANT, LONG, PLAIN

pytestmark = [pytest.mark.django_db, pytest.mark.slow, pytest.mark.timeout(300)]
LIST = "/businesses/1/conversations"
WORDS = ("dragonfruit", "scarf", "massage", "eclipse", "nixnix")
HAVING = """
SELECT v.id FROM conversations_conversation v WHERE v.business_id = 1 AND EXISTS (
    SELECT 1 FROM conversations_message m WHERE m.conversation_id = v.id AND m.search @@ %(word)s::text::tsquery)
ORDER BY {order} LIMIT 100
"""
ORDERS = {
    "-last_message_at": "last_message_at DESC, id DESC",
    "last_message_at": "last_message_at, id",
    "-created_at": "created_at DESC, id DESC",
    "unread_first": "unread_count > 0 DESC, last_message_at DESC, id DESC",
}
IN_THREAD = """
SELECT id FROM conversations_message WHERE conversation_id = %(thread)s AND search @@ %(word)s::text::tsquery
ORDER BY created_at DESC, id DESC LIMIT 100
"""


def ids(rows):
    return [row["id"] for row in rows]


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("word", WORDS)
def test_every_conversation_with_the_word_is_found_in_its_order(town, word, sort):
    page = town.get(LIST, {"q": word, "sort": sort, "page_size": 100})
    assert ids(page["results"]) == ids(sql.rows(HAVING.format(order=ORDERS[sort]), {"word": word}))


def test_the_pages_of_a_word_follow_each_other(town):
    wanted = ids(sql.rows(HAVING.format(order=ORDERS["-last_message_at"]), {"word": "scarf"}))
    first = town.get(LIST, {"q": "scarf", "page_size": 50, "include_total": "true"})
    second = town.get(first["next"].split("/omega", 1)[1])
    assert ids(first["results"]) + ids(second["results"]) == wanted
    assert first["total"] == second["total"] > 10_000


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("word", [*WORDS, "Ottoline", "mail.example", "2012345", "Ana Ruiz1", "-yes", "an"])
def test_words_are_looked_for_by_their_index(town, word, sort):
    readings = town.readings(LIST, {"q": word, "sort": sort})
    assert_walks(readings, rows=100_000, pages=80_000)
    if word == "dragonfruit":
        assert "message_search" in readings[-1].indexes
        assert_walks(readings, rows=6_000, pages=7_000)


def test_a_word_of_many_is_not_looked_for_in_all_messages_for_the_sake_of_a_few_long_conversations(town):
    assert_walks(town.readings(LIST, {"q": "locker"}), rows=25_000, pages=8_000)


@pytest.mark.parametrize("word", ["Ana", "an", "Ottoline", "mail.example", "2012345", "nixnix", "Ana Ruiz1"])
def test_clients_with_a_word_are_found_by_reading_little(town, word):
    assert_walks(town.readings("/businesses/1/clients", {"q": word}), rows=25_000, pages=1_500)


@pytest.mark.parametrize("word", ["Ottoline", "2012345", "nixnix"])
def test_clients_whose_word_the_newest_have_not_are_found_by_its_index(town, word):
    assert "client_search" in town.readings("/businesses/1/clients", {"q": word})[-1].indexes


@pytest.mark.parametrize("thread", [GIANT, LONG, PLAIN])
@pytest.mark.parametrize("word", WORDS)
def test_a_search_finds_every_message_of_a_conversation(town, thread, word):
    page = town.get(f"/conversations/{thread}/messages/search", {"q": word, "page_size": 100})
    assert ids(page["results"]) == ids(sql.rows(IN_THREAD, {"thread": thread, "word": word}))


@pytest.mark.parametrize("thread", [GIANT, LONG, PLAIN])
@pytest.mark.parametrize("word", [*WORDS, "-yes", "par*", '"reformer class"', '-"see you" class'])
def test_a_search_in_a_conversation_reads_little(town, thread, word):
    nested = f"/businesses/1/clients/{thread}/conversations/{thread}/messages"
    for path in (f"/conversations/{thread}/messages/search", f"{nested}/search", nested):
        assert_walks(town.readings(path, {"q": word}), rows=150_000, pages=8_000)


@pytest.mark.parametrize("word", ["dragonfruit", "scarf"])
def test_a_rare_word_in_a_large_conversation_is_found_by_the_index(town, word):
    readings = town.readings(f"/conversations/{GIANT}/messages/search", {"q": word})
    assert "message_search" in readings[-1].indexes
    assert readings[-1].pages < 1_000
