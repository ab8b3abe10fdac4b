-- part_stored: the pictures of a part lie in the store; the job is settled when all its parts are over.
--
-- Parameters, arrays of one length, one element a part:
--   $1 user_id text[]  $2 job_id text[]  $3 part int[]  $4 pictures text[] (json)
--   and of the instance: $5 owner text, $6 epoch bigint.
--
-- Rows, one a part in the order given: job_id, part, ok
-- Not ok, and nothing written for it: the job is not this owner's and epoch's, is final or unknown, or has no such
-- part. Running it twice changes nothing more. The job is SAVING once none of its parts is under way.
with input as (
	select *
	from unnest($1::text[], $2::text[], $3::int[], $4::text[]) with ordinality as i (user_id, job_id, part, pictures, place)
	order by user_id, job_id
),
-- Jobs are locked in the order of their ids, so that two statements never wait for each other.
judged as materialized (
	select i.*, p.part is not null and l.completed_at is null
			and coalesce(l.owner = $5::text and l.epoch = $6::bigint, false) as ok
	from input i
	left join lateral (
		select completed_at, owner, epoch
		from image_generation_jobs
		where user_id = i.user_id and id = i.job_id
		for no key update
	) l on true
	left join parts p on p.user_id = i.user_id and p.job_id = i.job_id and p.part = i.part
),
good as materialized (
	select * from judged where ok
),
moved as (
	update parts p
	set step = 'STORED', pictures = g.pictures::jsonb, updated_at = now()
	from good g
	where p.user_id = g.user_id and p.job_id = g.job_id and p.part = g.part
),
-- All parts of these jobs, each as it is from now on.
pieces as (
	select distinct on (user_id, job_id, part) user_id, job_id, step
	from (
		select user_id, job_id, part, 'STORED' as step, false as old from good
		union all
		select p.user_id, p.job_id, p.part, p.step, true
		from (select distinct user_id, job_id from good) g
		join parts p on p.user_id = g.user_id and p.job_id = g.job_id
	) both_states
	order by user_id, job_id, part, old
),
shown as (
	update image_generation_jobs j
	set status = case when f.is_over then 'SAVING' else 'GENERATING' end, updated_at = now()
	from (
		select user_id, job_id, bool_and(step in ('STORED', 'FAILED')) as is_over
		from pieces
		group by user_id, job_id
	) f
	where j.user_id = f.user_id and j.id = f.job_id
)
select job_id, part, ok
from judged
order by place
