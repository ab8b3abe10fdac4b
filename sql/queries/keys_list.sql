-- keys_list: a user's keys, for the command line.
-- Parameters: $1 user name text
-- Rows, oldest first: id, hint, created_us, revoked_us
select k.id, k.hint, (extract(epoch from k.created_at) * 1000000)::bigint as created_us,
	(extract(epoch from k.revoked_at) * 1000000)::bigint as revoked_us
from users u
join api_keys k on k.user_id = u.id
where u.name = $1::text
order by k.created_at, k.id
