"""Whether a mail is from whom it says: what the receiving server found by SPF and DKIM, made one verdict.

A result counts for the domain that it is about. SPF speaks of the envelope's domain and DKIM of the signer's; either
says something of the From only where the two belong together (as DMARC has it).
"""

import re
from dataclasses import dataclass, field

from messaging.mail.headers import Headers

_DKIM_FIELD = re.compile(r"@?([A-Za-z0-9._-]{1,253})\s*:\s*([a-z]{1,20})")
_RESULT = re.compile(r"\b(spf|dkim)\s*=\s*([a-z]{1,20})([^;]{0,500})", re.IGNORECASE)
_SIGNER = re.compile(r"header\.(?:d|i)\s*=\s*\"?(?:[^@\s;\"]*@)?([A-Za-z0-9._-]{1,253})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Results:
    """SPF's word (pass, fail, softfail, neutral, none …), and DKIM's by signing domain."""

    spf: str = ""
    dkim: dict[str, str] = field(default_factory=dict)

    def verdict(self, from_address: str, envelope_from: str) -> str:
        """`pass`, `fail`, or `unknown`.

        `fail` is a hard one alone: SPF says that the server may not send for that domain, and no signature of the
        From's domain holds either. A forwarded mail fails SPF and keeps its signature.
        """
        domain, envelope = _domain(from_address), _domain(envelope_from)
        signed = any(word == "pass" and _belongs(signer, domain) for signer, word in self.dkim.items())
        if signed or (self.spf == "pass" and _belongs(envelope, domain)):
            return "pass"
        return "fail" if self.spf == "fail" else "unknown"

    def facts(self, verdict: str) -> dict[str, object]:
        return {"verdict": verdict, "spf": self.spf or "none", "dkim": self.dkim}


def from_fields(spf: str, dkim: str) -> Results:
    """SendGrid's fields: `pass`, and `{@example.net : pass}` (providers.md, 10)."""
    found = {domain.lower(): word for domain, word in _DKIM_FIELD.findall(dkim[:4000].lower())}
    return Results(_word(spf), found)


def from_headers(headers: Headers) -> Results:
    """The topmost Authentication-Results, which the receiving server wrote: those below anybody could have."""
    value = headers.raw("authentication-results")
    spf, dkim = "", dict[str, str]()
    for method, word, rest in _RESULT.findall(value):
        if method.lower() == "spf":
            spf = spf or word.lower()
        elif signer := _SIGNER.search(rest):
            dkim[signer[1].lower()] = word.lower()
    return Results(spf or _received_spf(headers), dkim)


def _received_spf(headers: Headers) -> str:
    words = (headers.raw("received-spf") or headers.raw("x-mailgun-spf")).split()
    return _word(words[0]) if words else ""


def _word(text: str) -> str:
    """A result's word; nothing else gets into what is kept."""
    return re.sub(r"[^a-z]", "", text.lower())[:20]


def _domain(address: str) -> str:
    return address.rpartition("@")[2].strip().rstrip(".").lower()


def _belongs(one: str, domain: str) -> bool:
    """The same domain, or one within the other."""
    return bool(one and domain) and (one == domain or one.endswith(f".{domain}") or domain.endswith(f".{one}"))
