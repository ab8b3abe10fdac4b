-- overdue: our own live jobs that are more than 5 s past their deadline: for the sweeper to end.
-- Parameters: $1 me text, $2 epoch bigint, $3 limit int
-- Rows, longest overdue first: user_id, id, step (of the part that is deepest in doubt: CALL, SUBMIT, WAIT, ADMIT,
--   STORED, FAILED)
select j.user_id, j.id,
	(select p.step from parts p
	 where p.user_id = j.user_id and p.job_id = j.id
	 order by array_position(array['CALL', 'SUBMIT', 'WAIT', 'ADMIT', 'STORED', 'FAILED'], p.step), p.part
	 limit 1) as step
from image_generation_jobs j
where coalesce(j.owner, '') = $1::text and j.epoch = $2::bigint and j.completed_at is null
	and j.deadline_at < now() - interval '5 seconds'
order by j.deadline_at
limit $3::int
