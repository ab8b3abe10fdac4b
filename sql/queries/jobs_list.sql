-- jobs_list: the newest jobs of one user or of all, for the command line.
-- Parameters: $1 user name text (null: all), $2 status text (null: any), $3 limit int
-- Rows, newest first: id, user_name, status, generation_type, model, provider_id, num_images, images_stored, price,
--   charged, error_code, created_us, completed_us
-- Goes down each user's own index for its newest, and takes the newest of those.
select j.id, u.name as user_name, j.status, j.generation_type, j.model, j.provider_id, j.num_images, j.images_stored, j.price,
	j.charged, j.error_code,
	(extract(epoch from j.created_at) * 1000000)::bigint as created_us,
	(extract(epoch from j.completed_at) * 1000000)::bigint as completed_us
from users u
cross join lateral (
	select *
	from image_generation_jobs k
	where k.user_id = u.id and k.created_at > '-infinity' and ($2::text is null or k.status = $2)
	order by k.created_at desc, k.id desc
	limit $3::int
) j
where $1::text is null or u.name = $1
order by j.created_at desc, j.id desc
limit $3::int
