-- reap_one: end a live job as FAILED and give its credits back, whoever owns it.
--
-- Its owner's late settle then finds it closed. Waits for the user's and the job's row.
-- Parameters: $1 user_id text, $2 job_id text, $3 error_code text, $4 error_message text
-- Rows, one: job_id, outcome, credits (free after it), returned
--   ok; already: it was final, nothing is changed; none at all: there is no such job
with payer as materialized (
	select id, credits, held, ledger_seq, event_seq
	from users
	where id = $1::text
	for no key update
),
locked as materialized (
	select j.user_id, j.id, j.price, j.completed_at
	from payer u
	join lateral (
		select * from image_generation_jobs
		where user_id = u.id and id = $2::text
		for no key update
	) j on true
),
closing as materialized (
	select l.user_id, l.id, l.price, u.credits, u.held, u.ledger_seq, u.event_seq
	from locked l join payer u on u.id = l.user_id
	where l.completed_at is null
),
moved as (
	update users u
	set credits = c.credits + c.price, held = c.held - c.price,
		ledger_seq = c.ledger_seq + (c.price > 0)::int, event_seq = c.event_seq + 1
	from closing c
	where u.id = c.user_id
),
closed as (
	update image_generation_jobs j
	set status = 'FAILED', charged = 0, error_code = $3::text, error_message = $4::text,
		completed_at = now(), updated_at = now()
	from closing c
	where j.user_id = c.user_id and j.id = c.id
),
entries as (
	insert into ledger (user_id, id, kind, amount, balance, held, job_id, reason)
	select user_id, ledger_seq + 1, 'release', price, credits + price, held - price, id, $3::text
	from closing where price > 0
),
ended as (
	update attempts a
	set outcome = 'unknown', ended_at = now(), error_message = $3::text
	from closing c
	where a.user_id = c.user_id and a.job_id = c.id and a.outcome is null
),
pieces as (
	update parts p
	set step = 'FAILED', updated_at = now()
	from closing c
	where p.user_id = c.user_id and p.job_id = c.id and p.step <> 'FAILED'
),
told as (
	insert into events (user_id, seq, type, job_id, payload)
	select user_id, event_seq + 1, 'job.failed', id,
		jsonb_build_object('job_id', id, 'status', 'FAILED', 'images', 0, 'charged', 0)
	from closing
)
select l.id as job_id, case when c.id is null then 'already' else 'ok' end as outcome,
	u.credits + coalesce(c.price, 0) as credits, coalesce(c.price, 0) as returned
from locked l
join payer u on u.id = l.user_id
left join closing c on c.id = l.id
