"""The claim finds by an index what workers died over."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("messaging", "0011_events_begun")]
    operations = [
        AddIndexConcurrently(
            model_name="attempt",
            index=models.Index(
                condition=models.Q(("code", "worker_lost")), fields=["message"], name="attempt_worker_lost"
            ),
        ),
    ]
