-- 3. Amounts are positive; an adjustment has either sign but is not 0. Only what belongs to a job names one.
select user_id, id, kind, amount
from ledger
where (kind <> 'adjust' and amount <= 0) or amount = 0
	or (job_id is null) <> (kind in ('topup', 'adjust'))
