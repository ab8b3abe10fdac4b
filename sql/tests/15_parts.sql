-- A job's parts make all its pictures; what is under way has an attempt that is; what is final has none.
select user_id, id as job_id, 'parts make ' || images || ' of ' || num_images as what
from (
	select j.user_id, j.id, j.num_images, coalesce(sum(p.images), 0) as images
	from image_generation_jobs j left join parts p on p.user_id = j.user_id and p.job_id = j.id
	group by j.user_id, j.id
) made
where images <> num_images
union all
select j.user_id, j.id, 'final, but part ' || p.part || ' is at ' || p.step
from image_generation_jobs j join parts p on p.user_id = j.user_id and p.job_id = j.id
where j.completed_at is not null and p.step not in ('STORED', 'FAILED')
union all
select j.user_id, j.id, 'final, but an attempt at part ' || a.part || ' is under way'
from image_generation_jobs j join attempts a on a.user_id = j.user_id and a.job_id = j.id
where j.completed_at is not null and a.outcome is null
union all
select p.user_id, p.job_id, 'part ' || p.part || ' is at ' || p.step || ' without an attempt'
from parts p
where p.step in ('SUBMIT', 'CALL', 'WAIT', 'STORED')
	and not exists (select from attempts a where a.user_id = p.user_id and a.job_id = p.job_id and a.part = p.part)
union all
select user_id, job_id, 'two attempts under way at part ' || part
from attempts where outcome is null
group by user_id, job_id, part having count(*) > 1
union all
select user_id, job_id, 'part ' || part || ' waits without a handle'
from parts where step = 'WAIT' and handle is null
