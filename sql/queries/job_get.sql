-- job_get: all there is to say about one job.
-- Parameters: $1 user_id text, $2 job_id text
-- Rows, at most one: id, status, operation, prompt, params (json text), model, source_model, provider_id, generation_type,
--   num_images, images_stored, price, charged (null until closed), cost_micros, generation_time (s, null until closed),
--   error_code, error_message, metadata (json text), created_us, updated_us, completed_us, owner, cancel_requested,
--   images (json text): [{n, id, key, bytes, content_type, width, height, sha256, created_us}], without deleted ones
--   attempts (json text): [{part, n, provider_id, model, outcome, error, started_us, ended_us, cost_micros}], as they began
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
	 where i.user_id = j.user_id and i.job_id = j.id and i.deleted_at is null)::text as images,
	(select coalesce(json_agg(json_build_object(
			'part', a.part, 'n', a.n, 'provider_id', a.provider_id, 'model', a.model, 'outcome', a.outcome,
			'error', a.error_message,
			'started_us', (extract(epoch from a.started_at) * 1000000)::bigint,
			'ended_us', (extract(epoch from a.ended_at) * 1000000)::bigint,
			'cost_micros', coalesce(a.settled_micros, a.reported_micros, 0)) order by a.started_at, a.part, a.n), '[]')
	 from attempts a
	 where a.user_id = j.user_id and a.job_id = j.id)::text as attempts
from image_generation_jobs j
where j.user_id = $1::text and j.id = $2::text
