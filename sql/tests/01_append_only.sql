-- 1. The ledger is append-only: no user's rows have a gap, the newest is the one the user's row names, and the
-- triggers that refuse changes and check what is added are there and switched on.
select user_id, format('%s rows up to %s, ledger_seq %s', rows, newest, ledger_seq) as what
from (
	select u.id as user_id, u.ledger_seq, count(l.id) as rows, coalesce(max(l.id), 0) as newest
	from users u left join ledger l on l.user_id = u.id
	group by u.id
) counted
where rows <> newest or newest <> ledger_seq
union all
select null, 'trigger ' || wanted.name || ' is missing or switched off'
from (values ('ledger_append_only'), ('ledger_check'), ('users_check'), ('users_check_new'),
             ('jobs_closed'), ('jobs_closed_new'), ('jobs_fixed'), ('users_keep')) as wanted (name)
where not exists (select from pg_trigger t where t.tgname = wanted.name and t.tgenabled in ('O', 'A'))
