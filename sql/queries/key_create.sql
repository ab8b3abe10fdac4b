-- key_create: a further key for a user.
-- Parameters: $1 key id text, $2 user name text, $3 SHA-256 of the key, text (hex), $4 hint text
-- Rows: key_id, user_id; none, and nothing written: no such enabled user.
insert into api_keys (id, user_id, hash, hint)
select $1::text, id, decode($3::text, 'hex'), coalesce($4::text, '')
from users
where name = $2::text and disabled_at is null
returning id as key_id, user_id
