"""When a message is tried again after each class of fault, and which codes speak of a whole account (providers.md, 1)."""

from django.db import migrations

# The class, the seconds before each further try, whether somebody has to know.
RULES = [
    ("retry", [5, 30, 120, 600, 3600], False),
    ("retry_once", [20], False),
    ("permanent", [], False),
    ("configuration", [], True),
    ("opted_out", [], False),
    ("ambiguous", [5, 30, 120, 600, 3600], False),
]
ACCOUNT_WIDE = {"twilio": ["20003", "20404", "20429", "20503", "30002"], "sendgrid": ["401"]}


def forwards(apps, schema_editor):
    rule, code = apps.get_model("messaging", "RetryRule"), apps.get_model("messaging", "CarrierCode")
    rule.objects.bulk_create(
        (rule(fault_class=name, waits=waits, alerts=alerts) for name, waits, alerts in RULES), ignore_conflicts=True
    )
    for provider, codes in ACCOUNT_WIDE.items():
        code.objects.filter(provider=provider, code__in=codes).update(is_account_wide=True)


def backwards(apps, schema_editor):
    apps.get_model("messaging", "RetryRule").objects.all().delete()


class Migration(migrations.Migration):
    dependencies = [("messaging", "0008_circuits")]
    operations = [migrations.RunPython(forwards, backwards)]
