"""What `make run` tells whoever started it: where everything is, and three lines to try."""

import json
from typing import Any

CLIENT = "+12025550147"


def text(facts: dict[str, Any]) -> str:
    """The greeting for a run, from what run.json says of it."""
    lines = ["", "omega runs.", *_addresses(facts)]
    if facts["businesses"] and facts["sandbox_url"]:
        lines += ["", "Try it:", *_commands(facts)]
    return "\n".join([*lines, "", "Ctrl-C stops everything; the data stays.", ""])


def _addresses(facts: dict[str, Any]) -> list[str]:
    rows = [("API", facts["base_url"]), ("Admin", facts["admin_url"])]
    if facts["admin_username"]:
        rows += [("  login", f"{facts['admin_username']} / {facts['admin_password']}")]
        rows += [("API key", f"{facts['platform_api_key']}  (X-API-KEY; platform)")]
    for business in facts["businesses"]:
        rows.append(("API key", f"{business['api_key']}  (business {business['id']}, {business['name']})"))
    if facts["sandbox_url"]:
        rows.append(("Handset", f"{facts['sandbox_url']}/  (a client's phone and mailbox)"))
    return [f"  {name:<8} {value}" for name, value in rows]


def _commands(facts: dict[str, Any]) -> list[str]:
    business = facts["businesses"][0]
    base, key = facts["base_url"], f"-H 'X-API-KEY: {business['api_key']}'"
    send = {"business_id": business["id"], "to": CLIENT, "body": "Your class starts at nine."}
    answer = {"from": CLIENT, "to": business["sms_sender"], "body": "I will be there!"}
    return [
        f"  curl -s {key} {_json(send)} {base}/sms/queue",
        f"  curl -s {_json(answer)} {facts['sandbox_url']}/handset/sms",
        f"  curl -s {key} {base}/businesses/{business['id']}/conversations",
    ]


def _json(body: dict[str, Any]) -> str:
    return f"-H 'Content-Type: application/json' -d '{json.dumps(body)}'"
