-- gallery_counts: how many pictures of each type a user has, and how many jobs still run.
-- Parameters: $1 user_id text
-- Rows, one: avatar, imagen4, video, total, unfinished
select
	count(*) filter (where generation_type = 'avatar') as avatar,
	count(*) filter (where generation_type = 'imagen4') as imagen4,
	count(*) filter (where generation_type = 'video') as video,
	count(*) as total,
	(select count(*) from image_generation_jobs j where j.user_id = $1::text and j.completed_at is null) as unfinished
from images
where user_id = $1::text and deleted_at is null
