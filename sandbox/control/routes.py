"""The control calls' paths."""

from aiohttp import web

from sandbox.control import evidence, handset, letters, steering


def add_routes(router: web.UrlDispatcher) -> None:
    """Put the control calls on the router."""
    router.add_get("/ledger", evidence.show)
    router.add_delete("/ledger", evidence.clear)
    router.add_get("/faults", steering.show_faults)
    router.add_put("/faults", steering.set_faults)
    router.add_delete("/faults", steering.reset_faults)
    router.add_get("/numbers", steering.numbers)
    router.add_get("/optouts", steering.show_optouts)
    router.add_delete("/optouts", steering.clear_optouts)
    router.add_put("/services/{sid}", steering.set_service)
    router.add_post("/handset/sms", handset.send_sms)
    router.add_post("/handset/email", letters.send_email)
    router.add_get("/handset", handset.handsets)
    router.add_get("/handset/{number}", handset.thread)
