-- Nothing refers to what is not there: most tables have no foreign keys, see 0002_accounts.sql.
select 'ledger of no user' as what, l.user_id, l.id::text as id
from ledger l where not exists (select from users u where u.id = l.user_id)
union all
select 'ledger of no job', l.user_id, l.job_id
from ledger l
where l.job_id is not null and not exists (select from image_generation_jobs j where j.user_id = l.user_id and j.id = l.job_id)
union all
select 'attempt at no part', a.user_id, a.job_id
from attempts a where not exists (select from parts p where p.user_id = a.user_id and p.job_id = a.job_id and p.part = a.part)
union all
select 'picture of no job', i.user_id, i.id
from images i where not exists (select from image_generation_jobs j where j.user_id = i.user_id and j.id = i.job_id)
union all
select 'picture of a file on its way out', i.user_id, i.id
from images i join objects o on o.user_id = i.user_id and o.id = i.object_id
where i.deleted_at is null and o.state <> 'stored'
union all
select 'file of no picture', o.user_id, o.id
from objects o
where o.state = 'stored' and not exists (select from images i where i.user_id = o.user_id and i.object_id = o.id)
union all
select 'file of no user', o.user_id, o.id
from objects o where not exists (select from users u where u.id = o.user_id)
union all
select 'event of no user', e.user_id, e.seq::text
from events e where not exists (select from users u where u.id = e.user_id)
