"""Static files travel pressed, to those who take them so; pages about people never do."""

import gzip

import pytest
from django.contrib.auth.models import User

STYLES, FONT = "/static/unfold/css/styles.css", "/static/unfold/fonts/inter/Inter-Regular.woff2"


def body(answer):
    return b"".join(answer.streaming_content) if answer.streaming else answer.content


def asked(client, path, takes="gzip, deflate, br", **headers):
    return client.get(path, headers={"Accept-Encoding": takes, **headers})


@pytest.mark.parametrize("takes", ["gzip, deflate, br", "br;q=1, gzip;q=0.5"])
def test_a_style_travels_pressed_and_is_the_same(client, takes):
    plain, small = client.get(STYLES), asked(client, STYLES, takes)
    assert small["Content-Encoding"] == "gzip"
    assert int(small["Content-Length"]) == len(body(small)) < int(plain["Content-Length"]) / 4
    assert gzip.decompress(body(small)) == body(plain)
    assert small["Content-Type"] == plain["Content-Type"]
    assert small["Vary"] == plain["Vary"] == "Accept-Encoding"


@pytest.mark.parametrize("takes", ["", "identity", "br", "gzip;q=0", "gzip; q=0.0, br"])
def test_who_does_not_take_gzip_gets_the_file_as_it_is(client, takes):
    plain = asked(client, STYLES, takes)
    assert "Content-Encoding" not in plain
    assert len(body(plain)) == int(plain["Content-Length"])


def test_what_was_kept_is_not_sent_again(client):
    first = asked(client, STYLES)
    again = asked(client, STYLES, **{"If-None-Match": first["ETag"]})
    assert again.status_code == 304
    assert body(again) == b""
    assert again["Vary"] == "Accept-Encoding"


def test_a_piece_is_a_piece_of_the_file_as_it_is(client):
    piece = asked(client, STYLES, Range="bytes=0-9")
    assert piece.status_code == 206
    assert body(piece) == body(client.get(STYLES))[:10]


def test_a_head_says_what_a_get_would_weigh(client):
    head = client.head(STYLES, headers={"Accept-Encoding": "gzip"})
    assert head["Content-Length"] == asked(client, STYLES)["Content-Length"]
    assert head.content == b""


def test_what_is_pressed_already_stays_as_it_is(client):
    assert "Content-Encoding" not in asked(client, FONT)


@pytest.fixture
def inside(client, db):
    client.force_login(User.objects.create(username="olga", is_staff=True, is_superuser=True))
    return client


def test_a_page_of_the_admin_is_pressed(inside):
    page = asked(inside, "/admin/")
    assert page["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in page["Vary"]
    assert b"olga" in gzip.decompress(body(page))


@pytest.mark.parametrize("path", ["/admin/accounts/client/?q=guess", "/omega/docs", "/omega/schema"])
def test_what_may_show_a_guess_is_never_pressed(inside, path):
    page = asked(inside, path)
    assert page.status_code == 200
    assert "Content-Encoding" not in page


def test_the_answer_to_a_form_is_never_pressed(inside):
    page = inside.post("/admin/accounts/business/add/", {"name": ""}, headers={"Accept-Encoding": "gzip"})
    assert page.status_code == 200
    assert "Content-Encoding" not in page


def test_a_script_goes_without_its_comments_where_its_package_has_it_so(client):
    long, short = (body(client.get(f"/static/admin/js/vendor/jquery/jquery{end}")) for end in (".js", ".min.js"))
    assert long == short
