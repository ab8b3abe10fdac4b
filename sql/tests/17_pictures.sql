-- A job has as many pictures as it says, and names each of them in its result.
select j.user_id, j.id as job_id, j.status, j.images_stored, count(i.id) as images, jsonb_array_length(j.result_urls) as urls
from image_generation_jobs j left join images i on i.user_id = j.user_id and i.job_id = j.id
group by j.user_id, j.id, j.status, j.images_stored, j.result_urls
having count(i.id) <> j.images_stored
	or (j.status = 'COMPLETED' and jsonb_array_length(j.result_urls) is distinct from j.images_stored)
