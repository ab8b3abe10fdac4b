-- user_ensure_local: the built-in user `local`, made with its starting credits when it is not there yet.
-- Parameters: $1 id text (for a new one), $2 credits bigint (for a new one)
-- Rows, one: user_id, name, role, credits, held, key_id (null)
-- Writing the name over itself gives the row also to whoever comes second; xmax is 0 in a row just inserted.
with ensured as (
	insert into users as u (id, name, credits, ledger_seq)
	values ($1::text, 'local', $2::bigint, ($2::bigint > 0)::int)
	on conflict (name) do update set name = u.name
	returning *, xmax = 0 as is_new
),
topup as (
	insert into ledger (user_id, id, kind, amount, balance, held, reason)
	select id, 1, 'topup', credits, credits, 0, 'starting balance'
	from ensured where is_new and credits > 0
)
select id as user_id, name, role, credits, held, null::text as key_id
from ensured
