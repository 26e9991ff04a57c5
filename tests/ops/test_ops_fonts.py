"""The admin's own fonts: every icon that a page names is in them, and every letter of both languages."""

import re

import pytest
from fontTools.ttLib import TTFont

from tools import fonts

LETTERS = "The quick brown fox, 0123456789: ¿Sí? ¡Mañana! áéíóúüñ ÁÉÍÓÚÜÑ «» … — “” € ← → ™"


def test_every_icon_that_is_named_has_its_picture():
    assert {"call", "inbox", "search"} <= fonts.named()
    assert fonts.named() <= fonts.icons(TTFont(fonts.OURS / fonts.SYMBOLS)), "Run `python -m tools.fonts`."


@pytest.mark.parametrize("weight", fonts.WEIGHTS)
def test_the_small_files_have_the_letters_that_they_are_asked_for(weight):
    assert {ord(letter) for letter in LETTERS} <= TTFont(
        fonts.OURS / f"inter/Inter-{weight}-Latin.woff2"
    ).getBestCmap().keys()


def test_the_style_sheet_names_files_that_are_there():
    places = (fonts.OURS / "inter", fonts.THEME / fonts.FONTS / "inter")
    for name in re.findall(r'url\("(.+?)"\)', (fonts.OURS / "inter/styles.css").read_text()):
        assert any((place / name).exists() for place in places), name
