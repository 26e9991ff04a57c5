"""The alerts and the dashboard under ops/: they parse, and name nothing that a scrape does not have."""

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import promql_parser
import pytest
import yaml
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from conversations.models import Message
from messaging.models import Circuit
from messaging.services import delivery, listening
from omega_project.lib import jobs
from omega_project.lib.metrics import CARRIER_ALERTS
from tests.contract.world import a_platform_key, a_studio, get, phone, queue, reply, report, sid

ROOT = Path(__file__).resolve().parents[2]
ALERTS, DASHBOARD = ROOT / "ops/prometheus/alerts.yml", ROOT / "ops/grafana/omega.json"
RUNBOOK = "docs/operations.md"


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Labels(Strict):
    severity: Literal["page", "ticket"]


class Annotations(Strict):
    summary: str = Field(min_length=20)
    runbook_url: str = Field(pattern=rf"^{RUNBOOK}#[a-z]+$")


class Rule(Strict):
    alert: str = Field(pattern=r"^Omega[A-Z][A-Za-z]+$")
    expr: str
    hold: str = Field("0s", alias="for", pattern=r"^\d+[smh]$")
    labels: Labels
    annotations: Annotations


class Group(Strict):
    name: str = Field(pattern=r"^omega-[a-z]+$")
    rules: list[Rule] = Field(min_length=1)


class Alerts(Strict):
    groups: list[Group]


class Grafana(Strict):
    """Grafana's names are in camel case."""

    model_config = ConfigDict(alias_generator=to_camel)


class Source(Grafana):
    type: Literal["prometheus"]
    uid: Literal["${datasource}"]


class Target(Grafana):
    ref_id: str = Field(pattern=r"^[A-Z]$")
    datasource: Source
    expr: str
    legend_format: str = Field(min_length=1)


class Place(Grafana):
    h: int = Field(gt=0)
    w: int = Field(gt=0, le=24)
    x: int = Field(ge=0, lt=24)
    y: int = Field(ge=0)


class Panel(Grafana):
    id: int
    type: Literal["timeseries", "stat"]
    title: str
    description: str
    datasource: Source
    grid_pos: Place
    targets: list[Target] = Field(min_length=1)
    field_config: dict[str, Any]
    options: dict[str, Any]


class Row(Grafana):
    id: int
    type: Literal["row"]
    title: str
    collapsed: bool
    grid_pos: Place
    panels: list[Any] = Field(max_length=0)


class Variable(BaseModel):
    name: str
    type: Literal["datasource", "query"]
    query: str


class Templating(Grafana):
    list: list[Variable]


class Dashboard(Grafana):
    model_config = ConfigDict(extra="ignore")

    uid: Literal["omega"]
    title: str
    schema_version: int = Field(ge=36)
    templating: Templating
    panels: list[Panel | Row]


def rules():
    return [rule for group in Alerts.model_validate(yaml.safe_load(ALERTS.read_text())).groups for rule in group.rules]


def panels():
    found = Dashboard.model_validate(json.loads(DASHBOARD.read_text())).panels
    return [panel for panel in found if isinstance(panel, Panel)]


def expressions():
    asked = [target.expr for panel in panels() for target in panel.targets]
    return [rule.expr for rule in rules()] + [_filled(expr) for expr in asked]


def _filled(expr):
    """As Grafana sends it: its variables have values."""
    return expr.replace("$__rate_interval", "1m").replace("$channel", ".*").replace("$provider", ".*")


def test_the_alerts_are_rules_each_named_once():
    names = [rule.alert for rule in rules()]
    assert len(names) == len(set(names)) > 20


def test_each_alert_has_its_section_in_the_operators_manual():
    headings = re.findall(r"^### (Omega\w+)$", (ROOT / RUNBOOK).read_text(), re.MULTILINE)
    assert sorted(headings) == sorted(rule.alert for rule in rules())
    for rule in rules():
        assert rule.annotations.runbook_url == f"{RUNBOOK}#{rule.alert.lower()}"


def test_a_summary_names_labels_that_its_alert_keeps():
    for rule in rules():
        kept = set(re.findall(r"\w+", " ".join(re.findall(r"by \(([^)]*)\)", rule.expr))))
        assert set(re.findall(r"\$labels\.(\w+)", rule.annotations.summary)) <= kept, rule.alert


def test_the_dashboard_has_its_panels_once_and_none_over_another():
    found = Dashboard.model_validate(json.loads(DASHBOARD.read_text())).panels
    assert len({panel.id for panel in found}) == len(found)
    taken = [
        (x, y) for one in found for x in range(one.grid_pos.x, one.grid_pos.x + one.grid_pos.w)
        for y in range(one.grid_pos.y, one.grid_pos.y + one.grid_pos.h)
    ]  # fmt: skip
    assert len(taken) == len(set(taken))
    assert max(x for x, _ in taken) < 24


@pytest.mark.parametrize("expr", expressions())
def test_an_expression_is_promql(expr):
    promql_parser.parse(expr)


def a_day():
    """Of each thing that is counted, one: what a metric never had, no scrape shows."""
    studio, provider_id = a_studio(), sid()
    message_id = queue(studio)["message_id"]
    delivery.drain(seconds=5)
    Message.objects.filter(pk=message_id).update(status="sent", provider_message_id=provider_id, sent_at=timezone.now())
    report(studio, provider_id, "delivered")
    report(studio, sid(), "delivered")  # of a message that is not known yet
    reply(studio, phone(), "Hi")
    late = queue(studio)["message_id"]
    Message.objects.filter(pk=late).update(due_at=timezone.now() - timedelta(minutes=3))
    now = timezone.now()
    shut = {"state": "open", "opened_at": now, "failed_at": now, "probe_at": now}
    Circuit.objects.update_or_create(provider="twilio", account=None, defaults=shut)
    CARRIER_ALERTS.labels("twilio", "20003").inc()
    for _ in range(2):
        listening.listen()
    line = jobs.redis_line()
    jobs._push("io", "omega_project.heartbeat.beat", ())
    jobs.OmegaWorker(["io"], connection=line).work(burst=True)


@pytest.mark.django_db(transaction=True)  # a worker ends a transaction that a job left open
def test_every_metric_and_label_that_they_name_is_in_a_scrape():
    a_day()
    raw = get("/metrics", a_platform_key()).raw.decode()
    labels: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(raw):
        for sample in family.samples:
            labels.setdefault(sample.name, set()).update(sample.labels)
    for expr in expressions():
        named = set(re.findall(r"\bomega_\w+", expr))
        assert named <= set(labels), (named - set(labels), expr)
        given = set().union(*(labels[name] for name in named)) | {"instance"}
        assert _labels_in(expr) <= given, (_labels_in(expr) - given, expr)


def _labels_in(expr):
    matched = re.findall(r"(\w+)(?:=~|!~|!=|=)\"", expr)
    grouped = re.findall(r"(?:by|on) \(([^)]*)\)", expr)
    return set(matched) | set(re.findall(r"\w+", " ".join(grouped)))
