"""What in this app's tables is about a client, and what is plain (omega_project/lib/masking.py)."""

from omega_project.lib import masking

masking.declare_plain(
    "accounts_business", "accounts_location", "accounts_staff", "accounts_sender", "accounts_apikey",
    "accounts_accesstoken", "accounts_provideraccount", "accounts_adminrole", "accounts_authenticator",
    "accounts_recoverycode", "accounts_logintries", "accounts_auditentry", "accounts_unmasking", "accounts_preference",
)  # fmt: skip
masking.declare("accounts_client", client="id", plain={"external_id", "timezone", "locale"})
masking.declare("accounts_clientaddress")
# Django's own log of the admin names what was changed.
masking.declare("django_admin_log", masks={"change_message": "omega_masked.sentence({value})"}, plain={"object_id"})
