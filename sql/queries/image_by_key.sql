-- image_by_key: what to serve for a file's path. The caller has checked a link's signature, or checks the user.
-- Parameters: $1 key text, generated_images/{job}/image_{n}.{ext}
-- Rows, at most one: user_id, image_id, sha256 (hex), bytes, content_type, state
-- None: unknown, or its pictures are deleted. Of several pictures with one file, the first.
select o.user_id, i.id as image_id, encode(o.sha256, 'hex') as sha256, o.bytes, o.content_type, o.state
from objects o
join images i on i.user_id = o.user_id and i.object_id = o.id and i.deleted_at is null
where o.key = $1::text
order by i.created_at
limit 1
