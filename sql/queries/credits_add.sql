-- credits_add: give a user credits (topup), or take them away (adjust, a negative amount).
-- Parameters: $1 user name text, $2 amount bigint, $3 reason text
-- Rows: balance, outcome (ok; refused: the amount is 0, or the balance would go below 0 or past the largest number, and
--   nothing is changed); none: no such user. A disabled user's credits can be changed.
with payer as materialized (
	select id, credits, held, ledger_seq, ($2::bigint <> 0 and credits::numeric + $2::bigint between 0 and 9223372036854775807) as fits
	from users
	where name = $1::text
	for no key update
),
moved as (
	update users u
	set credits = p.credits + $2::bigint, ledger_seq = p.ledger_seq + 1
	from payer p
	where u.id = p.id and p.fits
	returning u.id, u.credits
),
entry as (
	insert into ledger (user_id, id, kind, amount, balance, held, reason)
	select id, ledger_seq + 1, case when $2::bigint > 0 then 'topup' else 'adjust' end, $2::bigint, credits + $2::bigint, held, $3::text
	from payer where fits
)
select coalesce(m.credits, p.credits) as balance, case when p.fits then 'ok' else 'refused' end as outcome
from payer p
left join moved m on m.id = p.id
