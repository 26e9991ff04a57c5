"""Makes a fault of one of SendGrid's sentences."""

from sandbox.sendgrid.errors import Fault, fault
from sandbox.sendgrid.sentences import SENTENCES


def refuse(what: str, field: str, /, **words: str) -> Fault:
    """The fault for the sentence of that name; its blanks are filled with `words`."""
    sentence, anchor = SENTENCES[what]
    return fault(sentence.format(**words), field, anchor.format(**words))
