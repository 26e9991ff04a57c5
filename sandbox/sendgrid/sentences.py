"""SendGrid's own words for what it refuses, as data: the sentence, and the anchor of its help page."""

PERSON = (
    'e.g. {{"email" : "example@example.com"}}  or {{"email" : "example@example.com", "name" : "Example Recipient"}}.'
)
SENTENCES: dict[str, tuple[str, str]] = {
    "personalizations": (
        "The personalizations field is required and must have at least one personalization.",
        "message.personalizations",
    ),
    "many personalizations": (
        "The personalization block is limited to 1000 personalizations per API request. You have provided {count} "
        "personalizations. Please consider splitting this into multiple requests and resending your request.",
        "message.personalizations",
    ),
    "recipients": (
        "There is a limit of 1000 total recipients (to + cc + bcc) per request.",
        "message.recipient-errors",
    ),
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
    "long address": (
        "The {name} email exceeds the maximum total length of 320 characters.",
        "message.personalizations.to",
    ),
    "from": (
        "The from object must be provided for every email send. It is an object that requires the email "
        f"parameter, but may also contain a name parameter.  {PERSON}",
        "message.from",
    ),
    "from address": ("The from email does not contain a valid address.", "message.from"),
    "reply_to": ("Only one of reply_to or reply_to_list may be used.", "message.reply_to"),
    "reply_to_list": ("The reply_to_list is limited to 1000 addresses, each once.", "message.reply_to_list"),
    "subject": (
        "The subject is required. You can get around this requirement if you use a template with a subject "
        "defined or if every personalization has a subject defined.",
        "message.subject",
    ),
    "subject text": (
        "The subject of your email must be a string at least one character in length.",
        "message.subject",
    ),
    "content": (
        "Unless a valid template_id is provided, the content parameter is required. There must be at least "
        "one defined content block. We typically suggest both text/plain and text/html blocks are included, "
        "but only one block is required.",
        "message.content",
    ),
    "content type": (
        "A content type is required, this tells email clients how to display the email.",
        "message.content.type",
    ),
    "content value": (
        "The content value must be a string at least one character in length.",
        "message.content.value",
    ),
    "content order": (
        "If present, text/plain and text/html may only be provided once, and text/plain must be first, followed by "
        "text/html, followed by any other content.",
        "message.content",
    ),
    "line break": ("Cannot contain ';', or CRLF characters.", "message.{what}"),
    "header": ("The header {name} is one of the reserved keys and may not be set.", "message.headers"),
    "header value": ("The header values must be strings.", "message.headers"),
    "header name": ("Header keys cannot contain non-ASCII characters and empty spaces.", "message.headers"),
    "many categories": (
        "There is a limit of 10 categories for each email that is sent. You provided {count} categories.",
        "message.categories",
    ),
    "category text": ("Categories must be an array of strings.", "message.categories"),
    "category length": (
        "Each category must not be longer than 255 characters. {name} exceeds this limit",
        "message.categories",
    ),
    "category twice": (
        "The categories must be a unique list, and you have included {name} more than once.",
        "message.categories",
    ),
    "category ascii": ("Categories can not contain non-ASCII characters.", "message.categories"),
    "custom_args": (
        "The combined size of both global and personalization custom arguments may not exceed 10,000 bytes per "
        "personalization.",
        "message.personalizations.custom_args",
    ),
    "substitutions": (
        "The substitution values must be an object of key/value pairs, where the values are all strings.",
        "message.personalizations.substitutions",
    ),
    "many substitutions": ("You are limited to 10,000 substitutions.", "message.personalizations.substitutions"),
    "send_at": (
        "The send_at parameter is expecting a Unix timestamp as an integer. We will send immediately if you "
        "include a send_at timestamp that is in the past.",
        "message.send_at",
    ),
    "send_at far": ("Scheduling more than 72 hours in advance is forbidden.", "message.send_at"),
    "filename": ("The filename is required.", "message.attachments.filename"),
    "attachment": ("The attachment content must be base64 encoded.", "message.attachments.content"),
    "attachment empty": (
        "The attachment content must be a string at least one character in length.",
        "message.attachments.content",
    ),
    "disposition": (
        'The disposition of your attachment can be either "inline" or "attachment". You provided {name}.',
        "message.attachments.disposition",
    ),
    "content_id": (
        "The content ID of your attachment must be a string. You provided {name}.",
        "message.attachments.content_id",
    ),
    "group": ("The ASM group ID must be an integer.", "message.asm.group_id"),
    "groups": ("The ASM Group IDs to display must be an array of integers.", "message.asm.groups_to_display"),
    "many groups": (
        "There is a limit of 25 unsubscribe groups that can be displayed to a user at a time.",
        "message.asm.groups_to_display",
    ),
    "switch": ("The {what} enable param should be a boolean value.", "message.{anchor}"),
    "template": ("The template ID must be a string, you provided {name}.", "message.template_id"),
    "batch": ("The batch_id must be a string.", "message.batch_id"),
}
