"""SendGrid's refusals as sentences (providers.md, 8). A 400 says itself which field it does not like."""

from django.db import migrations

SENDGRID = [
    ("401", "configuration", "SendGrid did not accept our API key."),
    ("403", "configuration", "SendGrid does not let this address send: it is not verified, or our key may not send."),
    ("404", "configuration", "SendGrid does not know the address that we send to: SENDGRID_API_BASE_URL is wrong."),
    ("413", "permanent", "The mail is larger than SendGrid takes: 30 MB with its files."),
]


def forwards(apps, schema_editor):
    code = apps.get_model("messaging", "CarrierCode")
    code.objects.bulk_create(
        code(provider="sendgrid", code=number, handling=handling, meaning=meaning)
        for number, handling, meaning in SENDGRID
    )


def backwards(apps, schema_editor):
    apps.get_model("messaging", "CarrierCode").objects.filter(provider="sendgrid").delete()


class Migration(migrations.Migration):
    dependencies = [("messaging", "0005_bounced_addresses")]
    operations = [migrations.RunPython(forwards, backwards)]
