-- user_create: a new user with its first credits.
-- Parameters: $1 id text, $2 name text, $3 role text, $4 credits bigint
-- Rows, one: user_id, name, role, credits, held, key_id (null)
-- A name that is taken, or not 1 to 64 characters long, fails the statement (23505, 23514).
with created as (
	insert into users (id, name, role, credits, ledger_seq)
	values ($1::text, $2::text, $3::text, $4::bigint, ($4::bigint > 0)::int)
	returning *
),
topup as (
	insert into ledger (user_id, id, kind, amount, balance, held, reason)
	select id, 1, 'topup', credits, credits, 0, 'starting balance'
	from created where credits > 0
)
select id as user_id, name, role, credits, held, null::text as key_id
from created
