-- user_by_name: an enabled user by name.
-- Parameters: $1 name text
-- Rows, at most one: user_id, name, role, credits, held, key_id (null)
select id as user_id, name, role, credits, held, null::text as key_id
from users
where name = $1::text and disabled_at is null
