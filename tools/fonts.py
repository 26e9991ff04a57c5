"""The admin's two fonts, without what no page of ours shows: `python -m tools.fonts` writes them from the theme's own.

Inter's four weights keep Latin letters and punctuation; its style sheet asks for the theme's whole font where a page
shows another letter. Material Symbols keeps every icon whose name stands in a file of ours or of the theme's.
"""

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import unfold
from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont

from .programs import ROOT

THEME = Path(unfold.__file__).parent
FONTS = "static/unfold/fonts"
OURS = ROOT / "omega_project/lib/theme/unfold/fonts"  # found before the theme's own: STATICFILES_DIRS
WEIGHTS = {"Regular": 400, "Medium": 500, "SemiBold": 600, "Bold": 700}
SYMBOLS = Path("material-symbols/Material-Symbols-Outlined.woff2")
# Latin as the languages of western Europe write it, with their punctuation, arrows and signs.
LATIN = [*range(0x20, 0x180), *range(0x2000, 0x2070), 0x20AC, 0x2122, *range(0x2190, 0x219A), 0x2212]
_LATIN = "U+0000-017F, U+2000-206F, U+20AC, U+2122, U+2190-2199, U+2212"
# What else the theme's files have: no emoji, which would make every page with one load a whole font for nothing.
_REST = "U+0180-058F, U+1D00-1FFF, U+2070-20AB, U+20AD-2121, U+2123-218F, U+219A-2211, U+2213-22FF, U+2C60-2DFF"
_FOLDERS = ("accounts", "conversations", "messaging", "omega_project", "onboarding", "templates", "voice")
# An icon's name as a template, a view or a script gives it.
_NAMED = re.compile(
    r"""material-symbols-outlined[^>]*>\s*([a-z0-9_]+)\s*<|(?i:icon|symbol)["']?\s?[:=]\s?["']([a-z0-9_]+)["']"""
)
_WORD = re.compile(r"[a-z0-9_]+")


def _texts() -> list[str]:
    places = [THEME, *(ROOT / folder for folder in _FOLDERS)]
    files = (path for place in places for path in place.rglob("*") if path.suffix in {".html", ".py", ".js"})
    return [path.read_text() for path in files if ".min." not in path.name]


def icons(font: TTFont, keep: set[str] | None = None) -> set[str]:
    """The names that a font turns into a picture; those that are not to be kept are taken out of it."""
    letters = {glyph: chr(code) for code, glyph in font.getBestCmap().items()}
    names = set()
    for table in (table for lookup in font["GSUB"].table.LookupList.Lookup for table in lookup.SubTable):
        for first, ligatures in table.ligatures.items():
            told = {id(one): "".join(letters.get(part, "?") for part in [first, *one.Component]) for one in ligatures}
            table.ligatures[first] = [one for one in ligatures if keep is None or told[id(one)] in keep]
            names |= {told[id(one)] for one in table.ligatures[first]}
    return names


def named() -> set[str]:
    """The icons that a file of ours or of the theme's asks for by name, as far as one can see."""
    return {first or second for text in _texts() for first, second in _NAMED.findall(text)}


def write() -> None:
    """Both fonts anew, each beside its licence."""
    words = {word for text in _texts() for word in _WORD.findall(text)}
    symbols = TTFont(THEME / FONTS / SYMBOLS)
    icons(symbols, keep=words)
    _save(symbols, SYMBOLS, [code for code in symbols.getBestCmap() if code < 0x80])
    for weight in WEIGHTS:
        name = f"inter/Inter-{weight}.woff2"
        _save(TTFont(THEME / FONTS / name), Path(name.replace(".woff2", "-Latin.woff2")), LATIN)
    (OURS / "inter/styles.css").write_text("".join(_faces()))
    for folder in ("inter", "material-symbols"):
        shutil.copy(THEME / FONTS / folder / "LICENSE", OURS / folder / "LICENSE")


def _save(font: TTFont, name: Path, letters: list[int]) -> None:
    subsetter = Subsetter(Options(hinting=False))
    subsetter.populate(unicodes=letters)
    subsetter.subset(font)
    font.flavor = "woff2"
    (OURS / name).parent.mkdir(parents=True, exist_ok=True)
    font.save(OURS / name)
    sys.stdout.write(f"{name}  {(OURS / name).stat().st_size // 1024} KB\n")


def _faces() -> Iterator[str]:
    yield "/* Written by tools/fonts.py: a page with Latin letters alone loads the small files. */\n"
    for weight, number in WEIGHTS.items():
        for name, letters in ((f"Inter-{weight}-Latin", _LATIN), (f"Inter-{weight}", _REST)):
            yield (
                f'@font-face {{\n  font-family: "Inter";\n  font-style: normal;\n  font-weight: {number};\n'
                f'  font-display: swap;\n  src: url("{name}.woff2") format("woff2");\n  unicode-range: {letters};\n}}\n'
            )


if __name__ == "__main__":
    write()
