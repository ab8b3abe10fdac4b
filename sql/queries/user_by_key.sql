-- user_by_key: whose key this is.
-- Parameters: $1 SHA-256 of the key, text (hex)
-- Rows, at most one: user_id, name, role, credits, held, key_id; none: unknown or revoked, or the user is disabled.
select u.id as user_id, u.name, u.role, u.credits, u.held, k.id as key_id
from api_keys k
join users u on u.id = k.user_id
where k.hash = decode($1::text, 'hex') and k.revoked_at is null and u.disabled_at is null
