-- 4. A user's credits are all that came in less what is held or was captured, and so is the newest row's balance.
select user_id, credits, held, counted_credits, counted_held, balance
from (
	select u.id as user_id, u.credits, u.held,
		coalesce(sum(case l.kind when 'hold' then -l.amount when 'capture' then 0 else l.amount end), 0) as counted_credits,
		coalesce(sum(case l.kind when 'hold' then l.amount when 'capture' then -l.amount when 'release' then -l.amount else 0 end), 0) as counted_held,
		coalesce(max(l.balance) filter (where l.id = u.ledger_seq), 0) as balance
	from users u left join ledger l on l.user_id = u.id
	group by u.id
) counted
where credits <> counted_credits or held <> counted_held or credits <> balance
