-- 7. A final job says what was captured; FAILED and CANCELLED capture nothing; COMPLETED only for pictures that are stored.
select j.user_id, j.id as job_id, j.status, j.charged, c.amount as captured, j.images_stored
from image_generation_jobs j
left join ledger c on c.user_id = j.user_id and c.job_id = j.id and c.kind = 'capture'
where j.completed_at is not null
	and (j.charged <> coalesce(c.amount, 0)
	     or (j.status in ('FAILED', 'CANCELLED') and j.charged > 0)
	     or (j.charged > 0 and j.num_images > 0 and j.images_stored = 0))
