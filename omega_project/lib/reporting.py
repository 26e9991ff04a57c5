"""Error reports to Sentry, where SENTRY_DSN names one: what failed and where, nobody's name, number or word."""

import sentry_sdk
from sentry_sdk.integrations.django import DjangoIntegration
from sentry_sdk.integrations.logging import LoggingIntegration

from omega_project.lib.scrubbing import scrub_report


def start(dsn: str, release: str) -> None:
    """Report what is logged as an error, and nothing else: no traces, no breadcrumbs, no arguments of jobs."""
    sentry_sdk.init(
        dsn=dsn,
        release=release,
        send_default_pii=False,
        include_local_variables=False,
        max_request_body_size="never",
        max_breadcrumbs=0,
        default_integrations=False,
        integrations=[DjangoIntegration(middleware_spans=False), LoggingIntegration(level=None)],
        before_send=scrub_report,
    )
