"""A business with 110,000 clients, 100,000 conversations and 1,000,000 messages, and a neighbour with the same words.

Everything follows from the rows' numbers, so the town is the same each time: client n has conversation n, and message n
was the n-th to come, over two years. PostgreSQL makes it by itself, on two connections, in some fifteen seconds.
"""

from concurrent.futures import ThreadPoolExecutor

import psycopg

CLIENTS, MESSAGES, NEIGHBOURS = 110_000, 1_000_000, 10_000
# The client's messages behind this one are unread.
UNREAD = 998_000
# A conversation of 50,000 messages, one of 10,000, and one of nine or ten as most are.
GIANT, LONG, PLAIN = 50_000, 60_000, 70_001
# The two hundredth newest message of the two long ones.
LOCKERS = "996000, 980001"

_PEOPLE = f"""
INSERT INTO accounts_business (id, name, timezone, country, status, quiet_from, quiet_until, settings, created_at,
    updated_at)
SELECT n, 'Town ' || n, 'UTC', 'US', 'active', '21:00', '08:00', '{{}}', now(), now() FROM generate_series(1, 2) n;
INSERT INTO accounts_location (id, business_id, name, address, phone, timezone, is_active, created_at, updated_at)
SELECT n, 1, 'Studio ' || n, '', '', '', true, now(), now() FROM generate_series(1, 120) n;
INSERT INTO accounts_staff (id, business_id, name, email, phone, role, availability, notify_by_email, is_active,
    created_at, updated_at)
SELECT n, 1, 'Member ' || n, '', '', 'agent', 'available', false, true, now(), now() FROM generate_series(1, 120) n;
INSERT INTO messaging_template (business_id, name, channel, language, subject, body, created_at, updated_at)
SELECT 1, 'Template ' || n, 'sms', '', '', 'See you soon', now(), now() FROM generate_series(1, 120) n;
INSERT INTO accounts_client (id, business_id, first_name, last_name, phone, email, timezone, locale, home_location_id,
    tags, is_blocked, has_conversation, consent_sms, consent_email, consent_voice, created_at, updated_at)
SELECT n, CASE WHEN n <= {CLIENTS} THEN 1 ELSE 2 END,
    CASE WHEN n <= 30000 AND n % 3 = 0 THEN 'Ottoline'
        ELSE (ARRAY['Ana', 'James', 'Chloe', 'Robert', 'Sofia', 'Hannah', 'Leo', 'Nina'])[1 + n % 8] END,
    (ARRAY['Ruiz', 'Whitfield', 'Nguyen', 'Keller', 'Marino', 'Okafor', 'Petrova'])[1 + n % 7] || n % 997,
    '+1415' || (2000000 + n), CASE WHEN n % 5 > 0 THEN 'client' || n || '@mail.example' ELSE '' END, '', '',
    CASE WHEN n % 10000 = 0 THEN 5 ELSE 1 + n % 4 END,
    CASE WHEN n % 5000 = 0 THEN '{{founder}}' WHEN n % 3 = 0 THEN '{{member}}' ELSE '{{}}' END::varchar[], false, false,
    CASE WHEN n % 1000 = 0 THEN 'opted_out' ELSE 'unknown' END, 'unknown', 'unknown', now(), now()
FROM generate_series(1, {CLIENTS + NEIGHBOURS}) n
"""
# Conversations begin and end: each has its messages within two fifths of the two years.
_MESSAGES = f"""
INSERT INTO conversations_message (id, position, business_id, conversation_id, client_id, channel, direction, status,
    accepted_status, request_id, body, subject, html, from_address, to_address, cc, bcc, provider, provider_message_id,
    error_code, error_message, error_retryable, attempts, attempts_allowed, segments, media_count, is_read, priority,
    created_at, decision, metadata)
SELECT n, n, CASE WHEN n <= {MESSAGES} THEN 1 ELSE 2 END, thread, thread, channel, direction,
    CASE WHEN direction <> 'outbound' THEN 'received' WHEN n % 100 = 5 THEN 'failed' ELSE 'delivered' END,
    'queued', 'town-' || n,
    CASE WHEN n % 100000 = 12345 THEN 'Is there dragonfruit in the smoothie?'
        WHEN n <= 60000 AND n % 2 = 0 THEN 'We close early for the eclipse.'
        WHEN n % 50 = 6 THEN 'I think I left my scarf in the changing room.'
        WHEN n % 50 = 8 OR n IN ({LOCKERS}) THEN 'Which locker is mine?'
        ELSE (ARRAY['Hi, can I book a massage for Tuesday?', 'Could I move my facial to Friday? Sorry!',
            'Thanks, see you on Monday at noon', 'Is there parking near the studio?',
            'Your reformer class is confirmed. Reply C to change it.',
            'Reminder: your check-up is tomorrow. Please come ten minutes early.', 'Yes please',
            'Thank you for your visit! How was your class?'])[1 + (hashint4(n) & 7)] END,
    '', '', '+14150000000', '+1415' || (2000000 + thread), '{{}}', '{{}}', 'twilio', 'SM' || n, '', '', false, 1, 6, 1,
    (n % 5000 = 9)::int, direction <> 'inbound', 1, timestamptz '2024-01-01' + n * interval '63 seconds', '{{}}', '{{}}'
FROM (
    SELECT n, CASE WHEN n > {MESSAGES} THEN {CLIENTS} + 1 + n % {NEIGHBOURS} WHEN n % 20 = 0 THEN {GIANT}
            WHEN n % 100 = 1 THEN {LONG} ELSE 1 + n * 7 / 100 + (hashint4(n)::bigint & 2147483647) % 40000
            END AS thread,
        CASE WHEN n % 20000 = 7 THEN 'voice' WHEN n % 200 = 11 THEN 'note' WHEN n % 10 = 3 THEN 'email'
            ELSE 'sms' END AS channel,
        CASE WHEN n % 200 = 11 THEN 'internal' WHEN n % 2 = 0 THEN 'inbound' ELSE 'outbound' END AS direction
    FROM generate_series(FIRST, LAST) n
) made
"""
# `dice` is a throw from 0 to 999 for each conversation, and one for each question: none goes by another's.
_THREADS = f"""
CREATE FUNCTION dice(conversation bigint, question int) RETURNS int IMMUTABLE LANGUAGE sql
RETURN (hashint8extended(conversation, question) & 1048575) % 1000;
INSERT INTO conversations_conversation (id, business_id, client_id, location_id, status, assigned_to_id, unread_count,
    message_count, channels, labels, last_message_id, last_message_at, snoozed_until, created_at, updated_at)
SELECT c, CASE WHEN c <= {CLIENTS} THEN 1 ELSE 2 END, c,
    CASE WHEN c > {CLIENTS} THEN NULL WHEN c % 10000 = 0 THEN 5 ELSE 1 + dice(c, 1) % 4 END,
    CASE WHEN dice(c, 2) = 0 THEN 'snoozed' WHEN dice(c, 2) < 800 THEN 'closed' WHEN dice(c, 2) < 970 THEN 'open'
        ELSE 'pending' END,
    CASE WHEN c > {CLIENTS} OR dice(c, 3) < 400 THEN NULL ELSE 1 + dice(c, 4) % 20 END, unread, messages, channels,
    CASE WHEN c % 2500 = 0 THEN '{{gift}}' WHEN dice(c, 5) < 150 THEN '{{vip}}' ELSE '{{}}' END::varchar[],
    last_id, last_at, CASE WHEN dice(c, 2) = 0 THEN now() + interval '1 day' END, first_at,
    CASE WHEN c % 5000 = 1 THEN timestamptz '2026-01-02' ELSE last_at + c % 60 * interval '1 minute' END
FROM (
    SELECT conversation_id AS c, count(*) AS messages, max(id) AS last_id, max(created_at) AS last_at,
        min(created_at) AS first_at, count(*) FILTER (WHERE NOT is_read AND id > {UNREAD}) AS unread,
        array_remove(array_agg(DISTINCT channel), 'note') AS channels
    FROM conversations_message GROUP BY conversation_id
) made;
INSERT INTO conversations_attachment (message_id, status, source_url, file, content_type, size, name, error, attempts,
    created_at)
SELECT id, 'linked', 'https://example.com/a.jpg', '', 'image/jpeg', NULL, '', '', 0, now()
FROM conversations_message WHERE media_count > 0;
UPDATE accounts_client SET has_conversation = true WHERE id IN (SELECT client_id FROM conversations_conversation);
INSERT INTO conversations_messageread (message_id, read_at)
SELECT id, created_at FROM conversations_message WHERE NOT is_read AND id <= {UNREAD}
"""
_INDEXES = """
SELECT i.relname AS name, pg_get_indexdef(x.indexrelid) AS made, k.conname AS constraint,
    pg_get_constraintdef(k.oid) AS rule
FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid LEFT JOIN pg_constraint k ON k.conindid = x.indexrelid
    AND k.conrelid = x.indrelid
WHERE x.indrelid = 'conversations_message'::regclass AND NOT x.indisprimary
"""
_SEQUENCES = ("accounts_client", "accounts_business", "conversations_conversation", "conversations_message")


def build(url: str) -> None:
    """Build the town in the empty, migrated database at `url`. The role must be the server's superuser."""
    _run(url, _PEOPLE)
    with psycopg.connect(url, autocommit=True) as line:
        indexes = line.execute(_INDEXES).fetchall()
        for name, _, constraint, _ in indexes:
            how = f"ALTER TABLE conversations_message DROP CONSTRAINT {constraint}"
            line.execute(how if constraint else f"DROP INDEX {name}")
    last, half = MESSAGES + NEIGHBOURS, MESSAGES // 2
    with ThreadPoolExecutor(2) as two:
        list(two.map(lambda part: _run(url, _part(*part)), [(1, half), (half + 1, last)]))
        again = [f"ALTER TABLE conversations_message ADD CONSTRAINT {c} {rule}" if c else made
                 for _, made, c, rule in indexes]  # fmt: skip
        list(two.map(lambda one: _run(url, one), again))
    _run(url, _THREADS)
    for table in _SEQUENCES:
        _run(url, f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))")
    _run(url, "VACUUM (ANALYZE)")


def _part(first: int, last: int) -> str:
    return _MESSAGES.replace("FIRST", str(first)).replace("LAST", str(last))


def _run(url: str, statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as line:
        # Nobody's foreign keys are checked row by row: the numbers fit.
        for setting in ("session_replication_role = replica", "synchronous_commit = off", "work_mem = '128MB'"):
            line.execute(f"SET {setting}")
        line.execute("SET maintenance_work_mem = '256MB'")
        line.execute(statements)
