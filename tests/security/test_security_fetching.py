"""URLs that others name: nothing inside our network is ever asked, by whatever way one tries to lead us there."""

import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import urllib3.util.connection

from omega_project.lib import http

PUBLIC, OTHER = "93.184.216.34", "198.41.0.4"


class Host(ThreadingHTTPServer):
    """Some machine of the internet, or of our own network: what it answers, and what it was asked."""

    def __init__(self):
        self.asked, self.answers = [], {}
        super().__init__(("127.0.0.1", 0), Answering)
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()


class Answering(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append((self.path, dict(self.headers)))
        status, headers, body = self.server.answers.get(self.path, (200, {}, b"a picture"))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        pass


class Internet:
    """Names, the addresses that a name server gives for them (one answer after the other), and the machines there."""

    def __init__(self):
        self.host, self.inside = Host(), Host()
        self.names = {"public.example": [[PUBLIC]], "other.example": [[OTHER]]}
        self.asked_for = []

    def resolve(self, name, port, *args, **kwargs):
        self.asked_for.append(name)
        answers = self.names.get(name)
        if answers is None:
            return self.real_resolve(name, port, *args, **kwargs)
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in found]

    def connect(self, address, *args, **kwargs):
        server = self.host if address[0] in {PUBLIC, OTHER} else self.inside
        return self.real_connect(server.server_address, *args, **kwargs)


@pytest.fixture
def internet(monkeypatch):
    made = Internet()
    made.real_resolve, made.real_connect = socket.getaddrinfo, urllib3.util.connection.create_connection
    monkeypatch.setattr(socket, "getaddrinfo", made.resolve)
    monkeypatch.setattr(urllib3.util.connection, "create_connection", made.connect)
    yield made
    assert made.inside.asked == []  # whatever a test did
    made.host.shutdown()
    made.inside.shutdown()


def fetch(url, **more):
    return http.fetch(url, **{"most_bytes": 1000, "seconds": 5.0} | more)


def refused(url):
    with pytest.raises(http.FetchError) as caught:
        fetch(url)
    return caught.value


def test_a_public_address_is_fetched(internet):
    assert fetch("http://public.example/a.jpg").content == b"a picture"
    assert internet.host.asked[0][1]["Host"] == "public.example"


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "localhost", "0.0.0.0", "10.1.2.3",
        "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "224.0.0.1", "255.255.255.255", "[::1]", "[::]",
        "[fe80::1]", "[fc00::1]", "[::ffff:127.0.0.1]", "[::ffff:10.0.0.1]", "[2002:7f00:1::]", "[2002:a9fe:a9fe::1]",
        "[64:ff9b::7f00:1]", "[64:ff9b::a9fe:a9fe]", "[::127.0.0.1]", "[2001:0:5ef5:79fd::80ff:fffe]",
    ],
)  # fmt: skip
def test_no_address_inside_a_network_is_asked(internet, host):
    error = refused(f"http://{host}/latest/meta-data")
    assert error.permanent or "resolved" in str(error)


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "gopher://public.example/", "ftp://public.example/", "http://", "http:///x",
     "//public.example", "http://public.example:0/", "http://public.example:99999/", "http://[::1", "",
     "javascript:alert(1)"],
)  # fmt: skip
def test_nothing_but_http_is_fetched(internet, url):
    assert refused(url).permanent
    assert internet.host.asked == []


def test_a_name_in_front_of_the_real_one_fools_nobody(internet):
    assert refused("http://public.example@127.0.0.1/").permanent
    assert refused("http://public.example:80@[::1]/").permanent


@pytest.mark.parametrize(
    "to", ["http://127.0.0.1/", "http://inside.example/", "file:///etc/passwd", "//169.254.169.254/x"]
)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_into_our_network_is_not_followed(internet, to, status):
    internet.names["inside.example"] = [["10.0.0.7"]]
    internet.host.answers["/a"] = (status, {"Location": to}, b"")
    assert refused("http://public.example/a").permanent


def test_a_public_redirect_is_followed_and_an_endless_one_is_not(internet):
    internet.host.answers["/a"] = (302, {"Location": "http://other.example/b"}, b"")
    assert fetch("http://public.example/a").content == b"a picture"
    internet.host.answers["/loop"] = (302, {"Location": "/loop"}, b"")
    assert "too often" in str(refused("http://public.example/loop"))


def test_a_name_that_changes_its_answer_changes_nothing(internet):
    """DNS rebinding: the first answer is public and checked, the second would be ours."""
    internet.names["rebinding.example"] = [[PUBLIC], ["127.0.0.1"]]
    assert fetch("http://rebinding.example/").content == b"a picture"
    assert internet.asked_for.count("rebinding.example") == 1
    assert refused("http://rebinding.example/").permanent


def test_a_name_with_one_private_answer_among_public_ones_is_refused(internet):
    internet.names["mixed.example"] = [[PUBLIC, "10.0.0.1"]]
    assert refused("http://mixed.example/").permanent


def test_a_redirect_takes_no_credentials_along(internet):
    own = http.TrustedOrigin("http://public.example", "AC1", "the token")
    internet.host.answers["/a"] = (302, {"Location": "http://other.example/b"}, b"")
    fetch("http://public.example/a", trusted=own)
    first, second = (headers for _, headers in internet.host.asked)
    assert first["Authorization"].startswith("Basic ")
    assert "Authorization" not in second


def test_what_is_trusted_is_one_origin_and_no_more(internet):
    own = http.TrustedOrigin("http://127.0.0.1:8001", "AC1", "the token")
    for url in ("http://127.0.0.1:8002/", "http://127.0.0.1/", "https://127.0.0.1:8001/", "http://localhost:8001/"):
        with pytest.raises(http.FetchError):
            fetch(url, trusted=own)


def test_too_much_is_cut_off(internet):
    internet.host.answers["/big"] = (200, {}, b"x" * 1001)
    assert "larger than 1000" in str(refused("http://public.example/big"))
