"""How a mail is read: charsets, structure, names of files, HTML made safe, and what is a quote."""

import base64
import io
import quopri
import random
from html.parser import HTMLParser
from pathlib import Path

import pytest

from messaging.mail import html
from messaging.mail.charsets import decoded
from messaging.mail.decoding import content_of
from messaging.mail.headers import Headers
from messaging.mail.letter import read_letter
from messaging.mail.names import safe_name
from messaging.mail.quoting import reply_of
from messaging.mail.structure import read_structure

CORPUS = sorted(Path(__file__).with_name("corpus").glob("*.eml"))


@pytest.mark.parametrize(
    "name", ["quopri", "base64", "zlib", "rot13", "idna", "punycode", "undefined", "x" * 90, "a\x00b"]
)
def test_what_is_no_charset_is_read_as_utf_8(name):
    assert decoded("Grüße".encode(), name) == "Grüße"


@pytest.mark.parametrize(
    ("charset", "raw", "text"),
    [
        ("iso-8859-1", b"\x80 5", "€ 5"),
        ("gb2312", "周二朱镕基".encode("gb18030"), "周二朱镕基"),
        ("", b"Gr\xfc\xdfe", "Grüße"),
        ("us-ascii", "é".encode(), "é"),
        ("iso-2022-jp", "ﾊﾟ火".encode("iso2022_jp_ext"), "ﾊﾟ火"),
        ("utf-16", b"a\x00\x00", "a\ufffd"),
        ("utf-8", b"\xef\xbb\xbfHi\x00", "Hi\ufffd"),
    ],
)
def test_charsets_as_mail_systems_mean_them(charset, raw, text):
    assert decoded(raw, charset)[: len(text)] == text


def test_encoded_words_that_split_a_letter_are_joined():
    assert (
        Headers(b"Subject: =?utf-8?B?w4k=?= =?utf-8?Q?_caf=C3?= =?utf-8?Q?=A9?= x\r\n\r\n").text("subject")
        == "É café x"
    )


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ('"ana@c.com" <evil@x.com>', [("ana@c.com", "evil@x.com")]),
        ("Undisclosed recipients:;", []),
        ("<>", []),
        ("bob", []),
        ('A Group: a@b.c, "X, Y" <d@e.f>;', [("", "a@b.c"), ("X, Y", "d@e.f")]),
        ("bob@b.c (Bob)", [("", "bob@b.c")]),
        ("ana@c.com <evil@x.com>", [("ana@c.com", "evil@x.com")]),
        ('"Esc \\" q" <a@b.c>', [('Esc " q', "a@b.c")]),
    ],
)
def test_addresses(value, found):
    assert Headers(f"From: {value}\r\n\r\n".encode()).addresses("from") == found


@pytest.mark.parametrize("size", [256 * 1024 + off for off in range(-210, 10, 7)])
def test_a_boundary_is_found_wherever_it_falls_between_two_reads(size):
    mail = b"Content-Type: multipart/mixed; boundary=x\n\n--x\n\n" + b"z" * size + b"\r\n--x\r\n\r\nsecond\r\n--x--\r\n"
    parts = read_structure(io.BytesIO(mail)).parts
    assert [part.end - part.start for part in parts] == [size, 6]


@pytest.mark.parametrize("data", [b"", b"a", b"ab", b"abc", bytes(range(256)) * 2000])
@pytest.mark.parametrize("encoding", ["base64", "quoted-printable", "8bit", "binary"])
def test_a_parts_bytes_come_back_as_they_were(data, encoding):
    encoded = {"base64": base64.encodebytes, "quoted-printable": lambda raw: quopri.encodestring(raw, quotetabs=True)}
    body = encoded.get(encoding, bytes)(data)
    file = io.BytesIO(f"Content-Transfer-Encoding: {encoding}\nX: y\n\n".encode() + body)
    assert b"".join(content_of(file, read_structure(file).parts[0])) == data


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("../../x", "x"),
        ("", "attachment-3.pdf"),
        ("..", "attachment-3.pdf"),
        ("a\x00b.pdf", "ab.pdf"),
        ("\u202efdp.exe", "fdp.exe"),
        ("C:\\a\\b.pdf", "b.pdf"),
        ("y" * 300 + ".pdf", "y" * 116 + ".pdf"),
        (" .htaccess", "htaccess"),
    ],
)
def test_names_of_files(given, name):
    assert safe_name(given, "application/pdf", 3) == name


class Safe(HTMLParser):
    """Complains about whatever could run, load or post."""

    def handle_starttag(self, tag, attrs):
        assert tag not in {
            "script",
            "iframe",
            "style",
            "form",
            "input",
            "svg",
            "object",
            "link",
            "meta",
            "base",
            "math",
        }
        for name, value in attrs:
            text = (value or "").lower()
            assert not name.startswith("on")
            assert name != "src" or text.startswith("cid:")
            assert name != "href" or text.startswith(("http://", "https://", "mailto:", "tel:"))
            assert name != "style" or "url" not in text


EVIL = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg><script>1</script></svg>",
    "<a href='java\nscript:x'>y</a>",
    "<img src='data:image/svg+xml,<svg onload=1>'>",
    "<img src='\thttps://t.example/x'>",
    "<img src='//t.example/x'>",
    "<img srcset='https://t.example/x 2x'>",
    "<table background='https://t.example/x'>",
    "<p style='background:url(https://x)'>",
    "<p style='x:\\75rl(1)'>",
    "<math><mtext><style><img src=x onerror=1></style>",
    "<noscript><p title='</noscript><img src=x>'>",
    "<base href='https://x'>",
    "<meta http-equiv=refresh content='0;url=x'>",
    "<a href='/admin/logout'>x</a>",
    "<form><input>",
    "<img alt='><img src=https://t.example/x>' src='HTTPS://t.example/y'>",
    "<plaintext><script>1</script>",
    "<!--<script>-->",
]


@pytest.mark.parametrize("source", EVIL)
def test_html_is_safe(source):
    kept = html.sanitised(f"<p>Hi</p>{source}")
    Safe().feed(kept)
    assert kept.startswith("<p>Hi</p>")


def test_html_stays_readable():
    source = '<p style="color:rgb(1,2,3);position:fixed">a <b>b</b> <a href="https://x.example/?a=1&b=2">c</a></p><table><tr><td>d'
    kept = html.sanitised(source)
    for wanted in (
        'style="color:rgb(1, 2, 3)"',
        "<b>b</b>",
        'href="https://x.example/?a=1&amp;b=2"',
        "noopener",
        "<td>d</td>",
    ):
        assert wanted in kept


def test_html_as_text():
    read = html.as_text("<ul><li>one</li><li>two</li></ul><p>a&nbsp;&lt;b&gt;</p><blockquote>q<br>r</blockquote>")
    assert read.text == "- one\n- two\n\na <b>\n\n> q\n> r"


KEPT = [
    "Para: 2 personas\nFecha: 3 de marzo\nGracias",
    "Name: Ana\nEmail: a@b.c\nTo: massage\nDate: 3 March 10:00\nthanks",
    "What to\ndo: call me\nData: tomorrow",
    "My times are:\n10:00 or 11:00\nNotes: none",
    "I asked ana@example.com on 3.3.2025 this:\nCan we come?",
    "> a\n> b",
    "FYI\n\n---------- Forwarded message ---------\nFrom: X <x@y>\nDate: Mon\nSubject: s\n\nContent",
    "Hi,\n\nOn Mon, 3 Mar 2025, Lotus <h@l.e> wrote:\n> When?\nTuesday\n> Where?\nYour place",
]


@pytest.mark.parametrize("text", KEPT)
def test_a_clients_own_words_are_not_taken_for_a_quote(text):
    assert reply_of(text) == text


def test_broken_mails_are_read_to_their_end():
    """Two thousand mails of the corpus, each broken in some places: nothing raises, nothing gets through."""
    chance, bits = (
        random.Random(7),
        [b"\r\n", b"--", b"\x00", b"\xff", b'"', b"=?utf-8?B?", b"charset=utf-16", b"<", b"> "],
    )
    mails = [file.read_bytes() for file in CORPUS]
    for _ in range(2000):
        mail = bytearray(chance.choice(mails))
        for _ in range(chance.choice([1, 5, 30])):
            at = chance.randrange(len(mail) + 1)
            mail[at : at + chance.randrange(60)] = chance.choice(bits)
        file = io.BytesIO(bytes(mail))
        letter = read_letter(file)
        assert "\x00" not in letter.text + letter.html + letter.subject
        Safe().feed(letter.html)
        assert all(b"".join(content_of(file, one.part)) is not None for one in letter.files)


def test_what_is_safe_stays_as_it_is_when_it_is_made_safe_again():
    once = html.sanitised('<p style="color: red">Hi <img src="https://tracker.example/a.png"><img src="cid:b"></p>')
    assert html.has_remote(once)
    assert html.sanitised(once) == once
    assert "javascript" not in html.sanitised('<img data-omega-src="javascript:alert(1)">')
