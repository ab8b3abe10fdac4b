-- 5. No balance and no hold is ever below 0, in a user's row or in a ledger row, and constraints see to that.
select id as user_id, 'credits ' || credits || ', held ' || held as what from users where credits < 0 or held < 0
union all
select user_id, 'ledger row ' || id from ledger where balance < 0 or held < 0
union all
select null, 'constraint ' || wanted.name || ' is missing'
from (values ('users_credits_check'), ('users_held_check'), ('ledger_balance_check'), ('ledger_held_check')) as wanted (name)
where not exists (select from pg_constraint c where c.conname = wanted.name and c.contype = 'c' and c.convalidated)
