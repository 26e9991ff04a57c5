"""The text of a mail out of its HTML: what a person reads, from pages of every make, and in time."""

import time

import pytest

from omega_project.lib.html_text import text_of

PAGES = {
    "<p>Hi <b>Ana</b>,</p><p>see you.</p>": "Hi Ana,\n\nsee you.",
    "one<br>two<br/>three": "one\ntwo\nthree",
    "<ul><li>mat<li>towel</ul>": "  * mat\n  * towel",
    "<ol><li>come<li>stay</ol>": " 1. come\n 2. stay",
    "<table><tr><td>Mo</td><td>9:00</td></tr><tr><td>Tu</td><td>10:00</td></tr></table>": "Mo  9:00\nTu  10:00",
    '<a href="https://x.example/?a=1&amp;b=2">Book</a>': "[Book](https://x.example/?a=1&b=2)",
    "<style>p{}</style><script>alert(1)</script><p>a</p>": "a",
    '<div style="display: none">preheader</div><p hidden>x</p><p>a</p>': "a",
    "a<!-- comment -->b": "ab",
    "&lt;script&gt; &amp; &eacute; &#128512;": "<script> & é 😀",
    "<p>Grüße, 你好</p>": "Grüße, 你好",
    '<?xml version="1.0" encoding="latin-1"?><p>é</p>': "é",
    '<meta charset="utf-99"><p>é</p>': "é",
    "<p>a\x00b": "a\ufffdb",
    "<img src='x' alt='Logo'>": "",
    "": "",
    "  \n ": "",
    "<!-- only -->": "",
    "<": "<",
    "<p><p><p>a<p><p><p><p>b": "a\n\nb",
}


@pytest.mark.parametrize("page", PAGES)
def test_a_page_reads_as_its_text(page):
    assert text_of(page) == PAGES[page]


HOSTILE = {
    "deep": "<div>" * 100_000,
    "deep and closed": "<b>" * 50_000 + "x" + "</b>" * 50_000,
    "deep tables": "<table><tr><td>a</td><td>" * 10_000,
    "deep lists": "<ul>" * 200 + "<li>x</li>" * 40_000,
    "many attributes": "<a " + "".join(f"x{n}=1 " for n in range(60_000)) + ">y</a>",
    "many quoted attributes": "<a " + "".join(f'x{n}="<>" ' for n in range(45_000)) + ">y</a>",
    "open comments": "<!--" * 120_000,
    "open tags": "<" * 500_000,
    "open quotes": "<a \"'" * 100_000,
    "a wide column": '<div style="padding-left:999999em">' * 200 + "x<br>" * 1000,
    "a wide table": "<table><tr><td colspan=1000000000>x</td><td rowspan=1000000000>y</td></tr></table>",
    "spaces": "<pre>" + (" " * 999 + "x\n") * 490 + "</pre>",
    "a large picture": '<img src="data:image/png;base64,' + "A" * 490_000 + '">hello',
    "lone surrogates": "\ud800" * 1000,
    "styles with tails": "<style>a</style>x" * 28_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_page_takes_bounded_time_and_text(name):
    began = time.process_time()
    text = text_of(HOSTILE[name])
    assert time.process_time() - began < 8
    assert len(text) <= 1_000_000
