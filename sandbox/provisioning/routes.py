"""The paths of what is set up: Twilio's, SendGrid's, and the control calls about both."""

from aiohttp import web

from sandbox.provisioning import applications, domains, evidence, keys, numbers, senders, stock, subaccounts
from sandbox.provisioning.sendgrid import resource
from sandbox.twilio.door import reads, writes

ROOT = "/2010-04-01/Accounts"
ACCOUNT = ROOT + "/{account}"
NUMBERS = ACCOUNT + "/IncomingPhoneNumbers"
KIND = "{kind:Local|TollFree|Mobile}"


def add_routes(router: web.UrlDispatcher) -> None:
    """Put them on the router."""
    _add_accounts(router)
    _add_numbers(router)
    _add_kept(router, ACCOUNT + "/Applications", applications)
    _add_kept(router, ACCOUNT + "/Keys", keys)
    _add_sendgrid(router)
    router.add_get("/ledger/provisioning", evidence.show)
    router.add_delete("/ledger/provisioning", evidence.clear)
    router.add_put("/accounts/{sid}", evidence.set_account)
    router.add_put(r"/numbers/{number:\+\d+}", evidence.set_number)
    router.add_put("/domains/{domain}", evidence.set_domain)


def _add_accounts(router: web.UrlDispatcher) -> None:
    router.add_get(ROOT + ".json", reads(subaccounts.listing))
    router.add_post(ROOT + ".json", writes(subaccounts.add))
    router.add_get(ROOT + "/{sid}.json", reads(subaccounts.fetch))
    router.add_post(ROOT + "/{sid}.json", writes(subaccounts.update))


def _add_numbers(router: web.UrlDispatcher) -> None:
    router.add_get(f"{ACCOUNT}/AvailablePhoneNumbers/{{country}}/{KIND}.json", reads(stock.listing))
    router.add_post(f"{NUMBERS}/{KIND}.json", writes(numbers.add))
    router.add_get(f"{NUMBERS}/{KIND}.json", reads(numbers.listing))
    _add_kept(router, NUMBERS, numbers)


def _add_kept(router: web.UrlDispatcher, path: str, room: object) -> None:
    """A list and its rows: GET and POST of both, DELETE of a row."""
    router.add_get(path + ".json", reads(room.listing))  # type: ignore[attr-defined]
    router.add_post(path + ".json", writes(room.add))  # type: ignore[attr-defined]
    router.add_get(path + "/{sid}.json", reads(room.fetch))  # type: ignore[attr-defined]
    router.add_post(path + "/{sid}.json", writes(room.update))  # type: ignore[attr-defined]
    router.add_delete(path + "/{sid}.json", writes(room.delete))  # type: ignore[attr-defined]


def _add_sendgrid(router: web.UrlDispatcher) -> None:
    path = "/v3/whitelabel/domains"
    router.add_post(path, resource(domains.add))
    router.add_get(path, resource(domains.listing))
    router.add_get(path + r"/{id:\d+}", resource(domains.fetch))
    router.add_patch(path + r"/{id:\d+}", resource(domains.update))
    router.add_delete(path + r"/{id:\d+}", resource(domains.delete))
    router.add_post(path + r"/{id:\d+}/validate", resource(domains.validate))
    router.add_post("/v3/verified_senders", resource(senders.add))
    router.add_get("/v3/verified_senders", resource(senders.listing))
    router.add_delete(r"/v3/verified_senders/{id:\d+}", resource(senders.delete))
