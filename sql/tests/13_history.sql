-- 13. Each row of a user's history follows from the sum of all before it, and no sum is below 0.
select user_id, id, kind, amount, balance, held, counted_balance, counted_held
from (
	select l.*,
		sum(case kind when 'hold' then -amount when 'capture' then 0 else amount end) over w as counted_balance,
		sum(case kind when 'hold' then amount when 'capture' then -amount when 'release' then -amount else 0 end) over w as counted_held
	from ledger l
	window w as (partition by user_id order by id)
) counted
where balance <> counted_balance or held <> counted_held or counted_balance < 0 or counted_held < 0
