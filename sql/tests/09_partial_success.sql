-- 9. Three of four pictures cost three quarters of the price.
select user_id, id as job_id, price, num_images, images_stored, charged
from image_generation_jobs
where status = 'COMPLETED' and num_images > 0 and charged <> price / num_images * images_stored
