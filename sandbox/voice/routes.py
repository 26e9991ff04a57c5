"""The paths of voice: Twilio's own, and the control calls."""

from aiohttp import web

from sandbox.twilio.door import reads, writes
from sandbox.voice import control, media, rest

ACCOUNT = "/2010-04-01/Accounts/{account}"
CALLS = ACCOUNT + "/Calls"
RECORDINGS = ACCOUNT + "/Recordings"


def add_routes(router: web.UrlDispatcher) -> None:
    """Put voice on the router."""
    router.add_post(CALLS + ".json", writes(rest.create))
    router.add_get(CALLS + ".json", reads(rest.listing))
    router.add_get(CALLS + "/{sid}.json", reads(rest.fetch))
    router.add_post(CALLS + "/{sid}.json", writes(rest.update))
    router.add_delete(CALLS + "/{sid}.json", writes(rest.delete))
    router.add_get(CALLS + "/{call}/Recordings.json", reads(media.listing))
    router.add_get(RECORDINGS + ".json", reads(media.listing))
    router.add_get(RECORDINGS + "/{sid}", reads(media.fetch))
    router.add_delete(RECORDINGS + "/{sid}", writes(media.delete))
    _add_control(router)


def _add_control(router: web.UrlDispatcher) -> None:
    router.add_post("/device/register", control.register)
    router.add_get("/device", control.devices)
    router.add_delete("/device", control.unregister)
    router.add_delete("/device/{identity}", control.unregister)
    router.add_post("/device/{identity}/call", control.call_by_device)
    router.add_get("/device/{identity}/events", control.device_events)
    router.add_route("OPTIONS", "/device/{rest:.*}", control.preflight)
    router.add_route("OPTIONS", "/calls/{rest:.*}", control.preflight)
    router.add_post("/handset/call", control.call_by_handset)
    router.add_get("/phones", control.show_phones)
    router.add_put("/phones/{name}", control.set_phone)
    router.add_delete("/phones", control.clear_phones)
    router.add_get("/calls", control.calls)
    router.add_get("/calls/{sid}", control.show_call)
    router.add_post("/calls/{sid}/{what:answer|decline|hangup|press}", control.steer)
