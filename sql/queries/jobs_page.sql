-- jobs_page: a page of a user's jobs.
-- Parameters: $1 user_id text, $2 status text (null: any), $3 generation_type text (null: any),
--   $4 created_us bigint and $5 id text of the last job of the page before (null: from the newest), $6 limit int
-- Rows, newest first: those of job_get.sql without attempts
select j.id, j.status, j.operation, j.prompt, j.params::text as params, j.model, j.source_model, j.provider_id,
	j.generation_type, j.num_images, j.images_stored, j.price, j.charged, j.cost_micros, j.generation_time,
	j.error_code, j.error_message, j.metadata::text as metadata,
	(extract(epoch from j.created_at) * 1000000)::bigint as created_us,
	(extract(epoch from j.updated_at) * 1000000)::bigint as updated_us,
	(extract(epoch from j.completed_at) * 1000000)::bigint as completed_us,
	j.owner, j.cancel_requested_at is not null as cancel_requested,
	(select coalesce(json_agg(json_build_object(
			'n', i.n, 'id', i.id, 'key', o.key, 'bytes', o.bytes, 'content_type', o.content_type,
			'width', o.width, 'height', o.height, 'sha256', encode(o.sha256, 'hex'),
			'created_us', (extract(epoch from i.created_at) * 1000000)::bigint) order by i.n), '[]')
	 from images i
	 join objects o on o.user_id = i.user_id and o.id = i.object_id
	 where i.user_id = j.user_id and i.job_id = j.id and i.deleted_at is null)::text as images
from image_generation_jobs j
where j.user_id = $1::text
	and j.created_at > '-infinity'          -- the condition of its index
	and (j.created_at, j.id) < (coalesce(timestamptz 'epoch' + $4::bigint * interval '1 microsecond', 'infinity'),
	                            coalesce($5::text, ''))
	and ($2::text is null or j.status = $2)
	and ($3::text is null or j.generation_type = $3)
order by j.created_at desc, j.id desc
limit $6::int
