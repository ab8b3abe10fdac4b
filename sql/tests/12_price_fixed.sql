-- 12. The price of a job is what was held for it.
select j.user_id, j.id as job_id, j.price, h.amount as held
from image_generation_jobs j
full join (select * from ledger where kind = 'hold') h on h.user_id = j.user_id and h.job_id = j.id
where coalesce(j.price, -1) <> coalesce(h.amount, 0)
