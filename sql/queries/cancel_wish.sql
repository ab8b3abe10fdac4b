-- cancel_wish: somebody wants the job to stop. Its owner sees the wish and decides what becomes of the job.
-- Parameters: $1 user_id text, $2 job_id text
-- Rows, at most one: status, owner (null: nobody), was_requested bool (before this)
-- A final job is left as it is; no row: there is no such job.
with locked as materialized (
	select user_id, id, status, owner, cancel_requested_at, completed_at
	from image_generation_jobs
	where user_id = $1::text and id = $2::text
	for no key update
),
wished as (
	update image_generation_jobs j
	set cancel_requested_at = now(), updated_at = now()
	from locked l
	where j.user_id = l.user_id and j.id = l.id and l.completed_at is null and l.cancel_requested_at is null
)
select status, owner, cancel_requested_at is not null as was_requested
from locked
