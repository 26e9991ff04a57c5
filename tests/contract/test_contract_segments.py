"""Segments and encoding: what a text costs is counted as the carrier counts it (providers.md, 7)."""

import pytest
import smsutil
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from messaging.segments import count_segments
from tests.contract.world import a_studio, message, queue

TABLE = [
    ("x", 1, "gsm7"),
    ("x" * 160, 1, "gsm7"),
    ("x" * 161, 2, "gsm7"),
    ("x" * 306, 2, "gsm7"),
    ("x" * 307, 3, "gsm7"),
    ("€" * 80, 1, "gsm7"),
    ("€" * 81, 2, "gsm7"),
    ("[]{}^~|\\" * 10, 1, "gsm7"),
    ("x" * 159 + "€", 2, "gsm7"),
    ("x" * 152 + "€" + "x" * 152, 3, "gsm7"),
    ("@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ", 1, "gsm7"),
    ("\f" * 80, 1, "gsm7"),
    ("ç", 1, "ucs2"),
    ("`", 1, "ucs2"),
    ("\u2019" + "x" * 69, 1, "ucs2"),
    ("\u2019" + "x" * 70, 2, "ucs2"),
    ("я" * 134, 2, "ucs2"),
    ("я" * 135, 3, "ucs2"),
    ("👋" * 35, 1, "ucs2"),
    ("👋" * 36, 2, "ucs2"),
    ("👋" * 66, 2, "ucs2"),
    ("👋" * 67, 3, "ucs2"),
    ("👨‍👩‍👧‍👦", 1, "ucs2"),
    ("x" * 1600, 11, "gsm7"),
    ("я" * 1600, 24, "ucs2"),
    ("\t", 1, "ucs2"),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("body", "parts", "encoding"), TABLE, ids=range(len(TABLE)))
def test_a_body_has_its_parts_and_its_encoding(body, parts, encoding):
    studio = a_studio()
    told = queue(studio, body=body + ("" if body.strip() else "x"), dry_run=True)
    assert (told["segments"], told["encoding"]) == (parts if body.strip() else told["segments"], encoding)


@pytest.mark.django_db
@pytest.mark.parametrize("body", ["x" * 161, "я" * 71, "Hello"])
def test_the_answer_the_message_and_the_dry_run_agree(body):
    studio = a_studio()
    told, sent = queue(studio, body=body, dry_run=True), queue(studio, body=body)
    assert told["segments"] == sent["segments"] == message(studio, sent["message_id"])["segments"]


GSM = "@£$¥èéùìòÇØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ÄÖÑÜ§¿äöñüà^{}\\[~]|€abcXYZ\n\r"
EMOJI = "\U0001f44b\U0001f468\u200d\U0001f469\u2019ç`я"
foreign = st.characters(exclude_categories=["Cs"], exclude_characters="\x1b")
characters = st.one_of(st.sampled_from(GSM), foreign, st.sampled_from(EMOJI))
texts = st.one_of(
    st.text(st.sampled_from(GSM), min_size=1, max_size=500), st.text(characters, min_size=1, max_size=400)
)


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(texts)
def test_any_text_is_counted_as_another_library_counts_it(text):
    oracle, ours = smsutil.split(text), count_segments(text)
    assert ours.encoding == ("gsm7" if oracle.encoding == "gsm0338" else "ucs2")
    assert ours.count == len(oracle.parts)


@settings(max_examples=200, deadline=None)
@given(st.text(characters, min_size=1, max_size=200))
def test_exactly_the_characters_outside_gsm_7_are_named(text):
    forced = count_segments(text).forced_by
    assert len(set(forced)) == len(forced)
    assert set(forced) == {one for one in text if not smsutil.is_valid_gsm(one)}
