"""SendGrid's half of the carrier: mail/send, with its validation, into the same ledger."""
