-- users_list: all users, for the command line.
-- Parameters: none
-- Rows, by name: id, name, role, credits, held, keys (not revoked), jobs_running, created_us, disabled_us
select u.id, u.name, u.role, u.credits, u.held,
	(select count(*) from api_keys k where k.user_id = u.id and k.revoked_at is null) as keys,
	(select count(*) from image_generation_jobs j where j.user_id = u.id and j.completed_at is null) as jobs_running,
	(extract(epoch from u.created_at) * 1000000)::bigint as created_us,
	(extract(epoch from u.disabled_at) * 1000000)::bigint as disabled_us
from users u
order by u.name
