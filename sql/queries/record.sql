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
with input as (
	select *
	from unnest($1::text[], $2::text[], $3::int[], $4::int[], $5::text[], $6::text[])
		with ordinality as i (user_id, job_id, part, n, handle, provider_request_id, place)
	order by user_id, job_id
),
-- Jobs are locked in the order of their ids, so that two statements never wait for each other.
judged as materialized (
	select i.*, l.completed_at is null
			and coalesce(l.owner = $7::text and l.epoch = $8::bigint, false)
			and i.n = (select max(a.n) from attempts a
			           where a.user_id = i.user_id and a.job_id = i.job_id and a.part = i.part) as ok
	from input i
	left join lateral (
		select completed_at, owner, epoch
		from image_generation_jobs
		where user_id = i.user_id and id = i.job_id
		for no key update
	) l on true
),
moved as (
	update parts p
	set step = 'WAIT', handle = g.handle, provider_request_id = g.provider_request_id, updated_at = now()
	from judged g
	where g.ok and p.user_id = g.user_id and p.job_id = g.job_id and p.part = g.part
),
shown as (
	update image_generation_jobs j
	set status = 'GENERATING', updated_at = now()
	from (select distinct user_id, job_id from judged where ok) g
	where j.user_id = g.user_id and j.id = g.job_id
)
select job_id, part, coalesce(ok, false) as ok
from judged
order by place
