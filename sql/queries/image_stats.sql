-- image_stats: a user's jobs and pictures by type and status.
-- Parameters: $1 user_id text
-- Rows, by type and status: generation_type, status, jobs, images (stored and not deleted)
select j.generation_type, j.status, count(*) as jobs, coalesce(sum(i.images), 0)::bigint as images
from image_generation_jobs j
left join lateral (
	select count(*) as images from images p
	where p.user_id = j.user_id and p.job_id = j.id and p.deleted_at is null and j.images_stored > 0
) i on true
where j.user_id = $1::text and j.created_at > '-infinity'
group by j.generation_type, j.status
order by j.generation_type, j.status
