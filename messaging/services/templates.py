"""Templates: variables filled in; a missing one is an error before sending, never a hole in the text."""

import re

from messaging.models import Template
from omega_project.lib.api.errors import Fault, NotFound, ParameterError, parameter_error

VARIABLE = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_.]*)\s*\}\}")


def variables_of(text: str) -> list[str]:
    """The names that `text` wants, in order, each once."""
    return list(dict.fromkeys(VARIABLE.findall(text)))


def fill(variables: dict[str, str], *texts: str) -> list[str]:
    """The texts with their variables; 422 naming every missing one."""
    missing = [name for name in variables_of(" ".join(texts)) if name not in variables]
    if missing:
        raise ParameterError([Fault(["body", "variables", name], "is wanted by the template") for name in missing])
    return [VARIABLE.sub(lambda match: variables[match[1]], text) for text in texts]


def find(*, business_id: int, template_id: int, channel: str) -> Template:
    """The template; 404 where it is not of this business, 422 where not of this channel."""
    template: Template | None = Template.objects.in_business(business_id).filter(pk=template_id).first()
    if template is None:
        raise NotFound("There is no such template in this business.")
    if template.channel != channel:
        raise parameter_error("template_id", f"is a template for {template.channel}, not {channel}")
    return template
