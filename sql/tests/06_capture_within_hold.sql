-- 6. No more is captured than was held, and nothing is captured or released that was not held.
select l.user_id, l.job_id, l.kind, l.amount, h.amount as held
from ledger l
left join ledger h on h.user_id = l.user_id and h.job_id = l.job_id and h.kind = 'hold' and h.id < l.id
where l.kind in ('capture', 'release') and (h.id is null or l.amount > h.amount)
