-- me: an enabled user by id.
-- Parameters: $1 user_id text
-- Rows, at most one: user_id, name, role, credits, held, key_id (null)
select id as user_id, name, role, credits, held, null::text as key_id
from users
where id = $1::text and disabled_at is null
