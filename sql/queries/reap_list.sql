-- reap_list: live jobs that are older than they should be, whoever owns them.
-- Parameters: $1 minutes int, $2 limit int
-- Rows, oldest first: user_id, id, user_name, status, generation_type, age_s, owner (null: nobody), owner_alive bool
select j.user_id, j.id, u.name as user_name, j.status, j.generation_type,
	extract(epoch from now() - j.created_at)::bigint as age_s, j.owner,
	exists (select from instances i where i.id = j.owner and i.epoch = j.epoch and i.until >= now()) as owner_alive
from image_generation_jobs j
join users u on u.id = j.user_id
where j.completed_at is null and j.created_at < now() - $1::int * interval '1 minute'
order by j.created_at, j.id
limit $2::int
