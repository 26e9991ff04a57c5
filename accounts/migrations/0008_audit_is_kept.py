"""The trail is append-only, whoever asks: PostgreSQL refuses to change, remove or empty it."""

from django.db import migrations

FORWARDS = """
CREATE FUNCTION accounts_audit_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit entries are never changed or removed' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER accounts_audit_is_kept BEFORE UPDATE OR DELETE ON accounts_auditentry
    FOR EACH ROW EXECUTE FUNCTION accounts_audit_is_kept();
CREATE TRIGGER accounts_audit_is_not_emptied BEFORE TRUNCATE ON accounts_auditentry
    FOR EACH STATEMENT EXECUTE FUNCTION accounts_audit_is_kept();
"""
BACKWARDS = """
DROP TRIGGER accounts_audit_is_not_emptied ON accounts_auditentry;
DROP TRIGGER accounts_audit_is_kept ON accounts_auditentry;
DROP FUNCTION accounts_audit_is_kept();
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0007_logins")]
    operations = [migrations.RunSQL(FORWARDS, BACKWARDS)]
