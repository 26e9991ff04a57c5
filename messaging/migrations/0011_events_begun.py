"""Events and messages that end their process are known by what they leave behind."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("conversations", "0011_traces"), ("messaging", "0010_event_headers")]
    operations = [
        migrations.AddField(
            model_name="webhookevent",
            name="begun",
            field=models.PositiveSmallIntegerField(
                db_default=0, default=0, editable=False,
                help_text="Tries that ended their process: begun, and never finished.",
            ),
        ),
    ]  # fmt: skip
