-- job_owner: whose job it is, for the command line, which knows the id alone.
-- Parameters: $1 job id text
-- Rows, at most one: user_id, user_name
-- A look-up by key for each user: jobs have no index by id alone, and one user's id is nobody else's.
select u.id as user_id, u.name as user_name
from users u
where exists (select from image_generation_jobs j where j.user_id = u.id and j.id = $1::text)
limit 1
