-- cancel_wishes: live jobs of an instance that somebody wants to stop.
-- Parameters: $1 owner text, $2 limit int
-- Rows, oldest wish first: user_id, job_id
select user_id, id as job_id
from image_generation_jobs
where owner = $1::text and completed_at is null and cancel_requested_at is not null
order by cancel_requested_at
limit $2::int
