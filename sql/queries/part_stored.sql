-- part_stored: the pictures of a part lie in the store; the job is settled when all its parts are over.
--
-- Parameters, arrays of one length, one element a part:
--   $1 user_id text[]  $2 job_id text[]  $3 part int[]  $4 pictures text[] (json)
--   and of the instance: $5 owner text, $6 epoch bigint.
--
-- Rows, one a part in the order given: job_id, part, ok
-- Not ok, and nothing written for it: the job is not this owner's and epoch's, is final or unknown, or has no such
-- part. Running it twice changes nothing more. The job is SAVING once none of its parts is under way.
with input as materialized (
	select *
	from unnest($1::text[], $2::text[], $3::int[], $4::text[]) with ordinality as i (user_id, job_id, part, pictures, place)
),
-- In the order of ids, so that two statements never wait for each other.
locked as materialized (
	select j.user_id, j.id, j.completed_at, j.owner, j.epoch
	from image_generation_jobs j
	where (j.user_id, j.id) in (select user_id, job_id from input)
	order by j.user_id, j.id
	for no key update
),
good as materialized (
	select i.*
	from input i
	join locked l on l.user_id = i.user_id and l.id = i.job_id
	join parts p on p.user_id = i.user_id and p.job_id = i.job_id and p.part = i.part
	where l.completed_at is null and l.owner = $5::text and l.epoch = $6::bigint
),
moved as (
	update parts p
	set step = 'STORED', pictures = g.pictures::jsonb, updated_at = now()
	from good g
	where p.user_id = g.user_id and p.job_id = g.job_id and p.part = g.part
),
shown as (
	update image_generation_jobs j
	set status = f.status, updated_at = now()
	from (
		select g.user_id, g.job_id,
			case when bool_and(i.part is not null or p.step in ('STORED', 'FAILED')) then 'SAVING' else 'GENERATING' end as status
		from (select distinct user_id, job_id from good) g
		join parts p on p.user_id = g.user_id and p.job_id = g.job_id
		left join good i on i.user_id = p.user_id and i.job_id = p.job_id and i.part = p.part
		group by g.user_id, g.job_id
	) f
	where j.user_id = f.user_id and j.id = f.job_id
)
select i.job_id, i.part, g.job_id is not null as ok
from input i
left join good g on g.user_id = i.user_id and g.job_id = i.job_id and g.part = i.part
order by i.place
