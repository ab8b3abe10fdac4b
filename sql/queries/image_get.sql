-- image_get: one picture of a user.
-- Parameters: $1 user_id text, $2 image_id text
-- Rows, at most one: id, job_id, n, key, bytes, content_type, width, height, generation_type, model, prompt, created_us, sha256
--   (hex); none: unknown, deleted or somebody else's.
select i.id, i.job_id, i.n, o.key, o.bytes, o.content_type, o.width, o.height, i.generation_type, j.model, j.prompt,
	(extract(epoch from i.created_at) * 1000000)::bigint as created_us, encode(o.sha256, 'hex') as sha256
from images i
join objects o on o.user_id = i.user_id and o.id = i.object_id
join image_generation_jobs j on j.user_id = i.user_id and j.id = i.job_id
where i.user_id = $1::text and i.id = $2::text and i.deleted_at is null
