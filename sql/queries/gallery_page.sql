-- gallery_page: a page of a user's pictures.
-- Parameters: $1 user_id text, $2 generation_type text (null: any),
--   $3 created_us bigint and $4 id text of the last picture of the page before (null: from the newest), $5 limit int
-- Rows, newest first: id, job_id, n, key, bytes, content_type, width, height, generation_type, model, prompt, created_us
-- One branch for each of its two indexes; the other is never run.
with page as materialized (
	(
		select i.id, i.job_id, i.n, i.object_id, i.generation_type, i.created_at
		from images i
		where i.user_id = $1::text and i.deleted_at is null and $2::text is null
			and (i.created_at, i.id) < (coalesce(timestamptz 'epoch' + $3::bigint * interval '1 microsecond', 'infinity'),
			                            coalesce($4::text, ''))
		order by i.created_at desc, i.id desc
		limit $5::int
	)
	union all
	(
		select i.id, i.job_id, i.n, i.object_id, i.generation_type, i.created_at
		from images i
		where i.user_id = $1::text and i.deleted_at is null and i.generation_type = $2
			and (i.created_at, i.id) < (coalesce(timestamptz 'epoch' + $3::bigint * interval '1 microsecond', 'infinity'),
			                            coalesce($4::text, ''))
		order by i.created_at desc, i.id desc
		limit $5::int
	)
)
select p.id, p.job_id, p.n, o.key, o.bytes, o.content_type, o.width, o.height, p.generation_type, j.model, j.prompt,
	(extract(epoch from p.created_at) * 1000000)::bigint as created_us
from page p
join objects o on o.user_id = $1::text and o.id = p.object_id
join image_generation_jobs j on j.user_id = $1::text and j.id = p.job_id
order by p.created_at desc, p.id desc
