"""Twilio's error bodies, one table from code to status and words (twilio.com/docs/api/errors)."""

import orjson
from aiohttp import web

JSON = {"Content-Type": "application/json;charset=utf-8", "X-API-Domain": "api.twilio.com"}
SYNC: dict[int, tuple[int, str]] = {
    14107: (400, "SMS send rate limit exceeded"),
    20001: (400, "Invalid parameter"),
    20003: (401, "Authenticate"),
    20005: (403, "Account not active"),
    20009: (400, "Cannot update this resource before it is complete"),
    20404: (404, "The requested resource was not found"),
    20429: (429, "Too Many Requests"),
    20500: (500, "An internal server error has occurred"),
    20503: (503, "Service unavailable"),
    21201: (400, "No 'To' number is specified"),
    21205: (400, "Url parameter is required, and must be a valid URL."),
    21210: (400, "The source phone number provided, {from_}, is not yet verified for your account."),
    21211: (400, "The 'To' number {to} is not a valid phone number."),
    21212: (
        400,
        "The 'From' number {from_} is not a valid phone number, shortcode, or alphanumeric sender ID.",
    ),
    21213: (400, "No 'From' number is specified"),
    21218: (400, "Invalid ApplicationSid"),
    21220: (400, "Call is not in-progress. Cannot redirect."),
    21266: (400, "'To' and 'From' number cannot be the same: {to}"),
    21402: (400, "{name} is not a valid URL: {value}"),
    21403: (400, "{name} is not a valid method: {value}"),
    21404: (400, "Trial accounts do not support this. Upgrade the account to own more than one phone number."),
    21408: (
        400,
        "Permission to send an SMS has not been enabled for the region indicated by the 'To' number: {to}",
    ),
    21421: (400, "PhoneNumber {to} is invalid"),
    21422: (400, "{to} is not available."),
    21451: (400, "The area code {value} is not a valid North American area code."),
    21452: (400, "Found no available phone numbers in area code {value}."),
    21602: (400, "Message body is required."),
    21603: (400, "A 'From' phone number is required."),
    21604: (400, "A 'To' phone number is required."),
    21606: (
        400,
        "The 'From' phone number provided ({from_}) is not a valid message-capable Twilio phone number "
        "for this destination.",
    ),
    21607: (400, "The 'From' phone number {from_} is not a valid, message-capable phone number of yours."),
    21608: (400, "The number {to} is unverified. Trial accounts cannot send messages to unverified numbers."),
    21609: (400, "The 'StatusCallback' URL {url} is not a valid URL."),
    21610: (400, "Attempt to send to unsubscribed recipient"),
    21611: (429, "This 'From' number has exceeded the maximum number of queued messages"),
    21612: (
        400,
        "The 'To' phone number: {to}, is not currently reachable using the 'From' phone number: {from_} via SMS.",
    ),
    21614: (400, "'To' number: {to}, is not a valid mobile number"),
    21617: (400, "The concatenated message body exceeds the 1600 character limit"),
    21620: (400, "Invalid media URL(s)"),
    21623: (400, "Number of media files exceeds allowed limit"),
    21626: (400, "StatusCallbackEvent is not valid"),
    21660: (400, "Mismatch between the 'From' number {from_} and the account {value}"),
    21701: (400, "The Messaging Service does not exist"),
    35111: (400, "The SendAt timestamp is missing or not valid"),
    35114: (400, "The SendAt time must be between 15 minutes and 35 days from now"),
    35118: (400, "A MessagingServiceSid is required to schedule a message"),
}
LATER: dict[int, str] = {
    21610: "Attempt to send to unsubscribed recipient",
    30001: "Queue overflow",
    30002: "Account suspended",
    30003: "Unreachable destination handset",
    30004: "Message blocked",
    30005: "Unknown destination handset",
    30006: "Landline or unreachable carrier",
    30007: "Carrier violation",
    30008: "Unknown error",
    30017: "Carrier network congestion",
    30022: "US A2P 10DLC - Rate Limits Exceeded",
    30023: "US A2P 10DLC - Daily Message Cap Reached",
    30034: "US A2P 10DLC - Message from an Unregistered Number",
}
NEVER_LEFT = {21610, 30001, 30002, 30022, 30023}  # reported as failed; the others as undelivered
BY_STATUS = {401: 20003, 404: 20404, 429: 20429, 500: 20500, 503: 20503}


class TwilioError(Exception):
    """A request that Twilio refuses; carries the code and the words that fill its message."""

    def __init__(self, code: int, **words: str) -> None:
        super().__init__(code)
        self.code, self.words = code, words


def answer(code: int, **words: str) -> web.Response:
    """The error's HTTP answer, body as in tests/fixtures/twilio_errors.json."""
    status, message = SYNC.get(code, (400, f"The request was refused with error {code}"))
    filled = {"to": "", "from_": "", "url": "", "name": "", "value": "", **words}
    body = {
        "code": code,
        "message": message.format(**filled),
        "more_info": f"https://www.twilio.com/docs/errors/{code}",
        "status": status,
    }
    response = web.Response(status=status, body=orjson.dumps(body), headers=JSON)
    if status == 401:
        response.headers["WWW-Authenticate"] = 'Basic realm="Twilio API"'
    return response


class TwilioWords:
    """Twilio's refusals for a fault, about one recipient and sender."""

    __slots__ = ("from_", "to")
    good_status = 201

    def __init__(self, to: str = "", from_: str = "") -> None:
        self.to, self.from_ = to, from_

    def refusal(self, status: int) -> web.Response:
        """The error body for an HTTP status."""
        return answer(BY_STATUS[status])

    def rejection(self, code: int | None) -> web.Response | None:
        """The error body for a code that Twilio answers at once; None for the 3xxxx codes of carriers."""
        code = code or 21211
        return None if 30000 <= code < 40000 else answer(code, to=self.to, from_=self.from_)
