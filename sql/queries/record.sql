-- record: note what the provider calls the task, so that it can be asked about after any crash.
--
-- Parameters, arrays of one length, one element a part:
--   $1 user_id text[]  $2 job_id text[]  $3 part int[]  $4 n int[], the attempt
--   $5 handle text[]   $6 provider_request_id text[]
--   and of the instance: $7 owner text, $8 epoch bigint.
--
-- Rows, one a part in the order given: job_id, part, ok
-- Not ok, and nothing written for it: the job is not this owner's and epoch's, is final or unknown, or n is not the
-- newest attempt at its part. Running it twice changes nothing more.
with input as materialized (
	select *
	from unnest($1::text[], $2::text[], $3::int[], $4::int[], $5::text[], $6::text[])
		with ordinality as i (user_id, job_id, part, n, handle, provider_request_id, place)
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
	join attempts a on a.user_id = i.user_id and a.job_id = i.job_id and a.part = i.part and a.n = i.n
	where l.completed_at is null and l.owner = $7::text and l.epoch = $8::bigint
		and not exists (
			select from attempts b
			where b.user_id = i.user_id and b.job_id = i.job_id and b.part = i.part and b.n > i.n)
),
moved as (
	update parts p
	set step = 'WAIT', handle = g.handle, provider_request_id = g.provider_request_id, updated_at = now()
	from good g
	where p.user_id = g.user_id and p.job_id = g.job_id and p.part = g.part
),
shown as (
	update image_generation_jobs j
	set status = 'GENERATING', updated_at = now()
	from (select distinct user_id, job_id from good) g
	where j.user_id = g.user_id and j.id = g.job_id
)
select i.job_id, i.part, g.job_id is not null as ok
from input i
left join good g on g.user_id = i.user_id and g.job_id = i.job_id and g.part = i.part
order by i.place
