-- 10. One job id, one life: accepted once, ended at most once, and ended in the events exactly when its row says so.
select j.user_id, j.id as job_id, j.status,
	count(*) filter (where e.type = 'job.accepted') as accepted,
	count(*) filter (where e.type in ('job.completed', 'job.failed', 'job.cancelled')) as ended
from image_generation_jobs j
left join events e on e.user_id = j.user_id and e.job_id = j.id
group by j.user_id, j.id, j.status, j.completed_at
having count(*) filter (where e.type = 'job.accepted') <> 1
	or count(*) filter (where e.type in ('job.completed', 'job.failed', 'job.cancelled')) <> (j.completed_at is not null)::int
	or count(*) filter (where e.type = 'job.' || lower(j.status)) <> (j.completed_at is not null)::int
