-- 11. Double entry: what users brought in equals what they have, what is held and what the house captured.
-- What providers take is a book of its own, in micro-USD, that no credit enters: no attempt settled more than once.
select 'credits' as book, brought, has, held, captured
from (
	select (select coalesce(sum(amount), 0) from ledger where kind in ('topup', 'adjust')) as brought,
		(select coalesce(sum(credits), 0) from users) as has,
		(select coalesce(sum(held), 0) from users) as held,
		(select coalesce(sum(amount), 0) from ledger where kind = 'capture') as captured
) sums
where brought <> has + held + captured
union all
select 'cost of ' || id, cost_micros, (cost * 1000000)::bigint, 0, 0
from image_generation_jobs
where cost is distinct from cost_micros / 1000000.0
