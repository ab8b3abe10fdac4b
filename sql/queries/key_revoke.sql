-- key_revoke: a key is no longer good. Servers notice within the time they keep keys in memory.
-- Parameters: $1 key id text
-- Rows: key_id, user_id; none, and nothing changed: unknown or revoked before.
update api_keys
set revoked_at = now()
where id = $1::text and revoked_at is null
returning id as key_id, user_id
