-- 2. A job has at most one hold, one capture, one release. A live job has none of the last two; of a final one,
-- captured + released = held.
select user_id, job_id,
	format('holds %s (%s), captures %s (%s), releases %s (%s), final %s', holds, held, captures, captured, releases, released, is_final) as what
from (
	select j.user_id, j.id as job_id, j.completed_at is not null as is_final,
		count(*) filter (where l.kind = 'hold') as holds, coalesce(sum(l.amount) filter (where l.kind = 'hold'), 0) as held,
		count(*) filter (where l.kind = 'capture') as captures, coalesce(sum(l.amount) filter (where l.kind = 'capture'), 0) as captured,
		count(*) filter (where l.kind = 'release') as releases, coalesce(sum(l.amount) filter (where l.kind = 'release'), 0) as released
	from image_generation_jobs j left join ledger l on l.user_id = j.user_id and l.job_id = j.id
	group by j.user_id, j.id
) booked
where holds > 1 or captures > 1 or releases > 1
	or (is_final and captured + released <> held)
	or (not is_final and captures + releases > 0)
