"""Bytes into text, whatever charset they claim: what cannot be read is shown as U+FFFD, and nothing ever raises."""

import codecs
import functools
import re
import unicodedata

# What mail systems write, and what they mean by it: each wider one reads all that the narrower one can hold.
_MEANT = {
    "": "utf-8", "ascii": "utf-8", "us-ascii": "utf-8", "ansi_x3.4-1968": "utf-8", "utf8": "utf-8", "utf-8": "utf-8",
    "unicode-1-1-utf-7": "utf-7", "iso-8859-1": "cp1252", "iso8859-1": "cp1252", "latin1": "cp1252",
    "latin-1": "cp1252", "windows-1252": "cp1252", "ansi": "cp1252", "x-ansi": "cp1252", "gb2312": "gb18030",
    "gbk": "gb18030", "x-gbk": "gb18030", "gb_2312-80": "gb18030", "cp936": "gb18030", "ks_c_5601-1987": "cp949",
    "euc-kr": "cp949", "shift_jis": "cp932", "shift-jis": "cp932", "x-sjis": "cp932", "sjis": "cp932",
    "windows-31j": "cp932", "iso-2022-jp": "iso2022_jp_ext", "big5": "big5hkscs", "x-big5": "big5hkscs",
    "iso-8859-8-i": "iso-8859-8", "iso-8859-9": "cp1254", "iso-8859-11": "cp874", "tis-620": "cp874",
    "koi8-ru": "koi8-u", "x-mac-roman": "mac-roman", "macintosh": "mac-roman",
}  # fmt: skip
# Python's encodings that are no charset of a mail: some cost quadratic time, some read escapes.
_REFUSED = re.compile(r"idna|punycode|unicode_escape|raw_unicode_escape|unicode_internal|undefined|mbcs|oem")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
# They turn the direction of what follows, so that "exe.fdp" reads as a PDF: of no use in a name or a subject.
BIDI_CONTROLS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


@functools.lru_cache(maxsize=256)
def codec_of(charset: str) -> str:
    """Python's codec for a charset's name; empty where there is none."""
    name = charset.strip().strip("\"'").lower()
    name = _MEANT.get(name, name)
    if len(name) > 40 or not name.isascii():
        return ""
    try:
        found = codecs.lookup(name)
        b"a".decode(name)  # Python has codecs by name that make no text of bytes, as base64
    except UnicodeError:
        pass
    except (LookupError, ValueError, TypeError):
        return ""
    return "" if _REFUSED.search(found.name.replace("-", "_")) else found.name


def decoded(raw: bytes, charset: str = "") -> str:
    """`raw` as text: by the charset that it claims where that fits, else as UTF-8, else with U+FFFD in the gaps."""
    claimed = codec_of(charset)
    for codec in dict.fromkeys([claimed, "utf-8"]):
        if codec:
            try:
                return storable(raw.decode(codec))
            except (UnicodeError, ValueError):
                continue
    if claimed and claimed != "utf-8":
        return storable(raw.decode(claimed, "replace"))
    # Claims UTF-8 and is broken here and there, or is one of the old Western ones under no name or a wrong one.
    text = raw.decode("utf-8", "replace")
    if charset and claimed and text.count("\ufffd") * 20 < len(text):
        return storable(text)
    return storable(raw.decode("cp1252", "replace"))


def storable(text: str) -> str:
    """`text` as a database can hold it."""
    return _UNSTORABLE.sub("\ufffd", text.removeprefix("\ufeff"))


def one_line(text: str, most: int) -> str:
    """`text` as one line of at most `most` characters, without control characters and turns of direction."""
    line = BIDI_CONTROLS.sub("", _CONTROLS.sub("", storable(text).replace("\r", " ").replace("\n", " ")))
    return " ".join(unicodedata.normalize("NFC", line[: most * 4]).split())[:most].rstrip()


def lines_of(text: str) -> str:
    """`text` with plain line ends and without control characters."""
    return _CONTROLS.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
