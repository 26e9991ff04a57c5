"""The control calls' paths."""

from aiohttp import web

from sandbox.control import evidence, handset, letters, mailbox, steering


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
    router.add_get("/mailbox", mailbox.boxes)
    router.add_get("/mailbox/{address}", mailbox.box)
    router.add_get("/mailbox/{address}/{sid}", mailbox.mail)
    router.add_post("/mailbox/{address}/{sid}/events", mailbox.happen)
    router.add_post("/mailbox/{address}/{sid}/unsubscribe", mailbox.unsubscribe)
    router.add_get("/suppressions", mailbox.show_suppressions)
    router.add_delete("/suppressions", mailbox.clear_suppressions)
