-- gallery_unfinished: a user's jobs that still run, for the gallery's tiles.
-- Parameters: $1 user_id text, $2 limit int
-- Rows, newest first: id, status, prompt, generation_type, num_images, width, height (of the request; may be null), created_us
select id, status, prompt, generation_type, num_images, (params->>'width')::int as width, (params->>'height')::int as height,
	(extract(epoch from created_at) * 1000000)::bigint as created_us
from image_generation_jobs
where user_id = $1::text and completed_at is null
order by created_at desc, id desc
limit $2::int
