-- 8. No hold stays open for more than 60 s after its job's deadline.
select user_id, id as job_id, status, deadline_at, owner
from image_generation_jobs
where completed_at is null and deadline_at < now() - interval '60 seconds'
