"""Domain authentication at SendGrid (docs: domain-authentication; checked against sendgrid 6.12.5)."""

import json
from collections.abc import Mapping
from typing import Any

from python_http_client.exceptions import HTTPError

from messaging.providers.sendgrid import lean_client
from messaging.providers.wire import CutOff, NeverLeft
from onboarding.providers.base import DnsRecord, MailDomain, NotNow, Refused

_POOL = 2


class SendGridSetup:
    """One account's domains."""

    def __init__(self, api_key: str, base_url: str = "") -> None:
        self._domains = lean_client(api_key, base_url, _POOL).whitelabel.domains

    def find_domain(self, domain: str) -> MailDomain | None:
        """The domain as the account has it, an authenticated one first; None where it has none."""
        rows = [row for row in self._list(domain) if row.get("domain") == domain]
        best = next((row for row in rows if row.get("valid")), rows[-1] if rows else None)
        return _domain(best) if best else None

    def _list(self, domain: str) -> list[dict[str, Any]]:
        answer = self._asked(lambda: self._domains.get(query_params={"domain": domain, "limit": 50}))
        return answer if isinstance(answer, list) else []

    def make_domain(self, domain: str, subdomain: str) -> MailDomain:
        """Ask for the records of a domain. The same domain and subdomain again is refused by SendGrid."""
        body = {"domain": domain, "subdomain": subdomain, "automatic_security": True, "default": False}
        return _domain(self._asked(lambda: self._domains.post(request_body=body)))

    def look(self, domain: MailDomain) -> MailDomain:
        """Have SendGrid look at the DNS now."""
        # `_` takes a path's part that is a value; the id is SendGrid's own number.
        answer = self._asked(lambda: self._domains._(str(domain.domain_id)).validate.post(request_body={}))
        found = answer.get("validation_results") or {}
        records = [
            DnsRecord(one.kind, one.host, one.data, is_valid=bool((found.get(name) or {}).get("valid")))
            for name, one in zip(_NAMES, domain.records, strict=False)
        ]
        return MailDomain(domain.domain_id, domain.domain, bool(answer.get("valid")), records)

    def _asked(self, question: Any) -> Any:
        try:
            answer = question()
            return json.loads(answer.body) if answer.body else {}
        except HTTPError as error:
            raise _trouble(error) from error
        except (NeverLeft, CutOff) as error:
            raise NotNow(f"SendGrid cannot be reached ({error}).") from error
        except ValueError as error:
            raise NotNow("SendGrid's answer could not be read.") from error


_NAMES = ("mail_cname", "dkim1", "dkim2")


def _domain(row: Mapping[str, Any]) -> MailDomain:
    try:
        dns = row["dns"]
        records = [
            DnsRecord(str(one["type"]).upper(), str(one["host"]), str(one["data"]), bool(one.get("valid")))
            for one in (dns[name] for name in _NAMES if name in dns)
        ]
        return MailDomain(int(row["id"]), str(row["domain"]), bool(row.get("valid")), records)
    except (KeyError, TypeError, ValueError) as error:
        raise NotNow("SendGrid's answer could not be read.") from error


def _trouble(error: HTTPError) -> Exception:
    status = int(error.status_code)
    if status == 429 or status >= 500:
        return NotNow(f"SendGrid answers {status} for now.")
    if status in {401, 403}:
        sentence = "SendGrid refuses the API key, or the key may not manage domains: give one that may, then retry."
        return Refused(sentence, str(status))
    return Refused(f"SendGrid refuses it ({status}): {_words(error)}", str(status))


def _words(error: HTTPError) -> str:
    try:
        return "; ".join(str(one["message"]) for one in error.to_dict["errors"])[:200]
    except (ValueError, KeyError, TypeError):
        return "no reason was given"
