"""The carriers' vocabulary as data: consent keywords and Twilio's error codes (providers.md, 1 and 6)."""

from django.db import migrations

KEYWORDS = {
    "stop": ["STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "OPTOUT", "REVOKE"],
    "start": ["START", "YES", "UNSTOP"],
    "help": ["HELP", "INFO"],
}
TWILIO = [
    ("14107", "retry", "The carrier takes no more messages from this sender for the moment."),
    ("20003", "configuration", "Twilio did not accept our credentials."),
    ("20404", "configuration", "Twilio does not know the account or resource that was asked for."),
    ("20429", "retry", "Twilio is taking too many requests of ours at once."),
    ("20503", "retry", "Twilio is unavailable for the moment."),
    ("21211", "permanent", "The client's number is not a valid phone number."),
    ("21212", "configuration", "The sender's number is not valid."),
    ("21408", "configuration", "Texting to the client's country is not switched on in the Twilio account."),
    ("21602", "permanent", "The message has neither text nor media."),
    ("21603", "configuration", "The message has no sender."),
    ("21604", "permanent", "The message has no recipient."),
    ("21606", "configuration", "The sender's number cannot send texts or is not ours."),
    ("21607", "configuration", "The sender's number cannot send texts or is not ours."),
    ("21608", "configuration", "A Twilio trial account can text verified numbers only."),
    ("21609", "configuration", "Twilio did not accept the address for status reports."),
    ("21610", "opted_out", "The client has opted out of texts from this number."),
    ("21611", "retry", "This sender's queue at Twilio is full."),
    ("21612", "permanent", "This sender cannot reach the client's number by text."),
    ("21614", "permanent", "The client's number is not a mobile number."),
    ("21617", "permanent", "The text is longer than 1600 characters."),
    ("21620", "permanent", "A picture or file could not be used: its address is not valid."),
    ("21623", "permanent", "The message has more than ten pictures or files."),
    ("21701", "configuration", "The Twilio messaging service is missing."),
    ("21702", "configuration", "The Twilio messaging service is missing."),
    ("21703", "configuration", "The Twilio messaging service has no numbers."),
    ("21704", "configuration", "The Twilio messaging service has no numbers."),
    ("21705", "configuration", "The Twilio messaging service is not valid."),
    ("30001", "retry", "The carrier's queue overflowed."),
    ("30002", "configuration", "The Twilio account is suspended."),
    ("30003", "retry_once", "The client's handset cannot be reached: it is off or out of coverage."),
    ("30004", "permanent", "The client's carrier or handset blocks this message."),
    ("30005", "permanent", "The client's number does not exist or is no longer in service."),
    ("30006", "permanent", "The client's number is a landline or its carrier cannot be reached."),
    ("30007", "permanent", "The carrier filtered the message as unwanted."),
    ("30008", "retry_once", "The carrier gave no reason."),
    ("30011", "permanent", "The client's network takes no pictures or files."),
    ("30017", "retry", "The carrier's network is congested."),
    ("30018", "configuration", "The sender is not verified or registered for this destination."),
    ("30019", "permanent", "The picture or file is too large for the carrier."),
    ("30020", "retry_once", "Twilio had a fault of its own."),
    ("30021", "retry_once", "Twilio had a fault of its own."),
    ("30022", "retry", "The sender's rate at the carrier is used up for the moment."),
    ("30023", "retry", "The sender's daily limit at the carrier is used up."),
    ("30024", "configuration", "The sender is not registered with the carrier."),
    ("30027", "retry", "The sender's daily limit at the carrier is used up."),
    ("30032", "configuration", "The toll-free sender is not verified."),
    ("30034", "configuration", "The sender is not registered for business texting in the US."),
    ("30410", "retry_once", "The carrier did not answer in time."),
    ("30450", "permanent", "Twilio stopped the message as suspected text pumping."),
    ("30610", "retry", "It is quiet hours at the destination."),
    ("30640", "permanent", "Twilio stopped the message: the number is on a do-not-contact list."),
    ("63018", "retry", "The channel's rate is used up for the moment."),
    ("63038", "retry", "The account's daily limit is used up."),
]


def forwards(apps, schema_editor):
    keyword, code = apps.get_model("messaging", "ConsentKeyword"), apps.get_model("messaging", "CarrierCode")
    keyword.objects.bulk_create(keyword(word=word, kind=kind) for kind, words in KEYWORDS.items() for word in words)
    code.objects.bulk_create(
        code(provider="twilio", code=number, handling=handling, meaning=meaning)
        for number, handling, meaning in TWILIO
    )


def backwards(apps, schema_editor):
    apps.get_model("messaging", "ConsentKeyword").objects.all().delete()
    apps.get_model("messaging", "CarrierCode").objects.filter(provider="twilio").delete()


class Migration(migrations.Migration):
    dependencies = [("messaging", "0001_initial")]
    operations = [migrations.RunPython(forwards, backwards)]
