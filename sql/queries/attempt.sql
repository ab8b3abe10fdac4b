-- attempt: end the attempts that are over and write the next ones, before their calls leave.
--
-- Parameters, arrays of one length, one element a part:
--   $1 user_id text[]   $2 job_id text[]        $3 part int[]
--   $4 end_n int[] (0: none)    $5 end_outcome text[]       $6 end_error text[]
--   $7 begin_n int[] (0: none)  $8 begin_provider_id text[] $9 begin_model text[]
--  $10 begin_step text[], the part's step from now on: SUBMIT CALL ADMIT FAILED
--  $11 estimated_micros bigint[]
--  and of the instance: $12 owner text, $13 epoch bigint.
--
-- Rows, one a part in the order given: job_id, part, ok
-- Not ok, and nothing written for it: the job is not this owner's and epoch's, is final or unknown, or attempt
-- begin_n exists already and is over or somebody else's. An attempt that has an outcome keeps it. Running it
-- twice changes nothing more. The job's status follows the part that has come furthest.
with input as (
	select *
	from unnest($1::text[], $2::text[], $3::int[], $4::int[], $5::text[], $6::text[], $7::int[], $8::text[], $9::text[],
	            $10::text[], $11::bigint[])
		with ordinality as i (user_id, job_id, part, end_n, end_outcome, end_error, begin_n, provider_id, model, step,
		                      estimated_micros, place)
	order by user_id, job_id
),
-- Jobs are locked in the order of their ids, so that two statements never wait for each other.
judged as materialized (
	select i.*, p.part is not null and l.completed_at is null
			and coalesce(l.owner = $12::text and l.epoch = $13::bigint, false)
			and (a.n is null or (a.outcome is null and a.owner = $12::text and a.epoch = $13::bigint)) as ok
	from input i
	left join lateral (
		select completed_at, owner, epoch
		from image_generation_jobs
		where user_id = i.user_id and id = i.job_id
		for no key update
	) l on true
	left join parts p on p.user_id = i.user_id and p.job_id = i.job_id and p.part = i.part
	left join attempts a on a.user_id = i.user_id and a.job_id = i.job_id and a.part = i.part and a.n = i.begin_n
),
good as materialized (
	select * from judged where ok
),
ended as (
	update attempts a
	set outcome = g.end_outcome, error_message = g.end_error, ended_at = now()
	from good g
	where a.user_id = g.user_id and a.job_id = g.job_id and a.part = g.part and a.n = g.end_n
		and g.end_n > 0 and a.outcome is null
),
begun as (
	insert into attempts (user_id, job_id, part, n, provider_id, model, owner, epoch, estimated_micros)
	select user_id, job_id, part, begin_n, provider_id, model, $12::text, $13::bigint, coalesce(estimated_micros, 0)
	from good
	where begin_n > 0
	on conflict (user_id, job_id, part, n) do nothing
),
moved as (
	update parts p
	set step = g.step, updated_at = now()
	from good g
	where p.user_id = g.user_id and p.job_id = g.job_id and p.part = g.part
),
-- All parts of these jobs, each as it is from now on.
pieces as (
	select distinct on (user_id, job_id, part) user_id, job_id, step
	from (
		select user_id, job_id, part, step, false as old from good
		union all
		select p.user_id, p.job_id, p.part, p.step, true
		from (select distinct user_id, job_id from good) g
		join parts p on p.user_id = g.user_id and p.job_id = g.job_id
	) both_states
	order by user_id, job_id, part, old
),
shown as (
	update image_generation_jobs j
	set status = coalesce((array['PENDING', 'INITIALIZING', 'GENERATING'])[f.furthest], j.status), updated_at = now()
	from (
		select user_id, job_id,
			max(case step when 'ADMIT' then 1 when 'SUBMIT' then 2 when 'FAILED' then null else 3 end) as furthest
		from pieces
		group by user_id, job_id
	) f
	where j.user_id = f.user_id and j.id = f.job_id
)
select job_id, part, ok
from judged
order by place
