-- take_over: make jobs ours that nobody works on.
--
-- Parameters: $1 me text, $2 my epoch bigint, $3 limit int
-- Taken are live jobs without an owner, of an instance whose time is up or whose row is gone, and of an earlier epoch
-- of ours. Nothing is taken unless our own lease holds; a job that somebody else has at this moment is left out.
--
-- Rows, one a job, oldest deadline of an owner first: user_id, id, status, operation, prompt, params (json text), model,
--   provider_id, generation_type, num_images, price, deadline_us, created_us, cancel_requested, source_model,
--   parts (json text): [{part, images, step, handle, provider_request_id, pictures,
--                        attempts: [{n, provider_id, model, outcome, started_us, estimated_micros}]}]
with recursive owners as (
	-- Each owner of live jobs, by jumping through the index: as many steps as there are owners.
	(select coalesce(owner, '') as owner
	 from image_generation_jobs where completed_at is null
	 order by coalesce(owner, '') limit 1)
	union all
	select (select coalesce(j.owner, '')
	        from image_generation_jobs j
	        where j.completed_at is null and coalesce(j.owner, '') > o.owner
	        order by coalesce(j.owner, '') limit 1)
	from owners o
	where o.owner is not null
),
-- Which of their jobs are free: those of an epoch below `below`.
free as materialized (
	select o.owner, case when o.owner = $1::text then $2::bigint else 9223372036854775807 end as below
	from owners o
	left join instances i on i.id = o.owner and i.until >= now()
	where o.owner is not null
		and (o.owner = $1::text or i.id is null)
		and exists (select from instances where id = $1::text and epoch = $2::bigint and until >= now())
),
claimed as materialized (
	select j.user_id, j.id
	from free f
	join image_generation_jobs j on coalesce(j.owner, '') = f.owner
	where j.completed_at is null and coalesce(j.epoch, 0) < f.below
	limit $3::int
	for no key update of j skip locked
),
taken as (
	update image_generation_jobs j
	set owner = $1::text, epoch = $2::bigint, updated_at = now()
	from claimed c
	where j.user_id = c.user_id and j.id = c.id
	returning j.*
)
select t.user_id, t.id, t.status, t.operation, t.prompt, t.params::text as params, t.model,
	t.provider_id, t.generation_type, t.num_images, t.price,
	(extract(epoch from t.deadline_at) * 1000000)::bigint as deadline_us,
	(extract(epoch from t.created_at) * 1000000)::bigint as created_us,
	t.cancel_requested_at is not null as cancel_requested, t.source_model,
	(select coalesce(json_agg(json_build_object(
			'part', p.part, 'images', p.images, 'step', p.step, 'handle', p.handle,
			'provider_request_id', p.provider_request_id, 'pictures', p.pictures,
			'attempts', (
				select coalesce(json_agg(json_build_object(
						'n', a.n, 'provider_id', a.provider_id, 'model', a.model, 'outcome', a.outcome,
						'started_us', (extract(epoch from a.started_at) * 1000000)::bigint,
						'estimated_micros', a.estimated_micros) order by a.n), '[]')
				from attempts a
				where a.user_id = p.user_id and a.job_id = p.job_id and a.part = p.part)
		) order by p.part), '[]')
	 from parts p
	 where p.user_id = t.user_id and p.job_id = t.id)::text as parts
from taken t
