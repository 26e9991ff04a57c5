"""SendGrid's own words for what it refuses, as data: the sentence, and the anchor of its help page."""

SENTENCES: dict[str, tuple[str, str]] = {
    "personalizations": (
        "The personalizations field is required and must have at least one personalization.",
        "message.personalizations",
    ),
    "recipients": ("The total number of recipients must be no more than 1000.", "message.recipient-errors"),
    "to": (
        "The to array is required for all personalization objects, and must have at least one email object "
        "with a valid email address.",
        "message.personalizations.to",
    ),
    "unique": (
        "Each email address in the personalization block should be unique between to, cc, and bcc. "
        "We found the first duplicate instance of [{address}] in the {where} field.",
        "message.recipient-errors",
    ),
    "address": ("Does not contain a valid address.", "message.personalizations.to"),
    "from": (
        "The from object must be provided for every email send. It is an object that requires the email "
        'parameter, but may also contain a name parameter.  e.g. {{"email" : "example@example.com"}}  or '
        '{{"email" : "example@example.com", "name" : "Example Recipient"}}.',
        "message.from",
    ),
    "from address": ("The from email does not contain a valid address.", "message.from"),
    "reply_to": ("Only one of reply_to or reply_to_list may be used.", "message.reply_to"),
    "subject": (
        "The subject is required. You can get around this requirement if you use a template with a subject "
        "defined or if every personalization has a subject defined.",
        "message.subject",
    ),
    "content": (
        "Unless a valid template_id is provided, the content parameter is required. There must be at least "
        "one defined content block. We typically suggest both text/plain and text/html blocks are included, "
        "but only one block is required.",
        "message.content",
    ),
    "content value": (
        "The content value must be a string at least one character in length.",
        "message.content.value",
    ),
    "content order": (
        "If present, text/plain and text/html may only be provided once, and text/plain must be first.",
        "message.content",
    ),
    "header": ("The header {name} is reserved and may not be set.", "message.headers"),
    "categories": ("There may be at most 10 categories, each once.", "message.categories"),
    "custom_args": ("The custom args may not be larger than 10000 bytes.", "message.custom_args"),
    "filename": ("The attachment filename is required.", "message.attachments.filename"),
    "attachment": ("The attachment content must be base64 encoded.", "message.attachments.content"),
}
