-- accept: take jobs: hold their credits, write job, parts, first attempts and event.
--
-- Parameters, arrays of one length, one element a job:
--   $1 job_id text[]          $2 user_id text[]        $3 price bigint[]          $4 operation text[]
--   $5 prompt text[]          $6 params text[] (json)  $7 model text[]            $8 source_model text[]
--   $9 provider_id text[]    $10 generation_type text[]
--  $11 num_images int[]      $12 parts int[]          $13 images_per_part int[] (the last part takes the rest)
--  $14 deadline_s int[]      $15 first_step text[]: SUBMIT or CALL (admitted at once: attempt 1 of each part
--                            is written), ADMIT (it waits)
--  $16 estimated_micros bigint[], of each part
--  and of the instance: $17 owner text, $18 epoch bigint. Owner null: nobody's job, no lease is looked at.
--
-- Rows, one a job in the order given: job_id, outcome, credits, price_
--   ok        held; credits are those left after it
--   poor      the price does not fit; credits are what is free now. Prices are added up in the order given,
--             so that one that does not fit refuses those behind it: ask alone before believing it
--   locked    somebody else has the user's row at this moment: put it into the next batch (ACCEPT_WAITING waits instead)
--   no_user   unknown or disabled
--   no_lease  the instance's epoch is over or its time is up: nothing at all is written
-- What is not ok leaves nothing behind. A job id that exists already fails the statement (23505).
with input as (
	select *
	from unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
	            $9::text[], $10::text[], $11::int[], $12::int[], $13::int[], $14::int[], $15::text[], $16::bigint[])
		with ordinality as i (job_id, user_id, price, operation, prompt, params, model, source_model,
		                      provider_id, generation_type, num_images, parts, images_per_part, deadline_s, first_step,
		                      estimated_micros, place)
),
lease as materialized (
	select $17::text is null
		or exists (select from instances where id = $17 and epoch = $18::bigint and until >= now()) as held
),
-- Each user is locked once, in the order of their ids, so that two batches never wait for each other;
-- a row that somebody else has is left out: waiting for it would hold up all the others.
payer as materialized (
	select id, credits, held, ledger_seq, event_seq
	from users
	where id = any ($2::text[]) and disabled_at is null and (select held from lease)
	order by id
	for no key update skip locked
),
-- As arrays, since a join would compare each with each.
payers as materialized (
	select array_agg(id) as ids, array_agg(credits) as credits, array_agg(held) as held,
		array_agg(ledger_seq) as ledger_seqs, array_agg(event_seq) as event_seqs
	from payer
),
judged as materialized (
	select i.*, p.credits[i.payer] as credits, p.held[i.payer] as held,
		p.ledger_seqs[i.payer] as ledger_seq, p.event_seqs[i.payer] as event_seq,
		sum(i.price) over w as spent,
		count(*) filter (where i.price > 0) over w as holds,
		count(*) over w as events,
		case
			when not (select held from lease) then 'no_lease'
			when i.payer is null then
				case when exists (select from users k where k.id = i.user_id and k.disabled_at is null)
					then 'locked' else 'no_user' end
			when sum(i.price) over w > p.credits[i.payer] then 'poor'
			else 'ok'
		end as outcome
	from payers p, lateral (select *, array_position(p.ids, user_id) as payer from input) i
	window w as (partition by i.user_id order by i.place)
),
-- Prices are not negative, so the accepted of one user come before the refused: the running
-- numbers of `judged` are right for them.
accepted as materialized (
	select * from judged where outcome = 'ok'
),
-- From what was read under the lock: this row may still look older to the update, and is checked as it looks.
moved as (
	update users u
	set credits = t.credits - t.spent, held = t.held + t.spent,
		ledger_seq = t.ledger_seq + t.holds, event_seq = t.event_seq + t.events
	from (select user_id, credits, held, ledger_seq, event_seq,
	             max(spent)::bigint as spent, max(holds) as holds, max(events) as events
	      from accepted group by user_id, credits, held, ledger_seq, event_seq) t
	where u.id = t.user_id
),
jobs as (
	insert into image_generation_jobs
		(user_id, id, status, generation_type, source_model, operation, prompt, params, model, provider_id,
		 num_images, price, owner, epoch, deadline_at, created_at, updated_at)
	select user_id, job_id,
		case first_step when 'SUBMIT' then 'INITIALIZING' when 'CALL' then 'GENERATING' else 'PENDING' end,
		generation_type, source_model, operation, prompt, params::jsonb, model, provider_id,
		num_images, price, $17, $18::bigint, now() + deadline_s * interval '1 second',
		now() + place * interval '1 microsecond', now()         -- lists keep the order of acceptance
	from accepted
),
holds as (
	insert into ledger (user_id, id, kind, amount, balance, held, job_id)
	select user_id, ledger_seq + holds, 'hold', price, credits - spent, held + spent, job_id
	from accepted where price > 0
),
pieces as (
	insert into parts (user_id, job_id, part, images, step)
	select user_id, job_id, part,
		case when part < parts then images_per_part else num_images - images_per_part * (parts - 1) end, first_step
	from accepted, generate_series(1, parts) as part
),
tries as (
	insert into attempts (user_id, job_id, part, n, provider_id, model, owner, epoch, estimated_micros)
	select user_id, job_id, part, 1, provider_id, model, $17, $18::bigint, estimated_micros
	from accepted, generate_series(1, parts) as part
	where first_step <> 'ADMIT'
),
told as (
	insert into events (user_id, seq, type, job_id, payload)
	select user_id, event_seq + events, 'job.accepted', job_id,
		jsonb_build_object('job_id', job_id, 'num_images', num_images, 'price', price)
	from accepted
)
select job_id, outcome,
	(credits - case outcome when 'ok' then spent
		else coalesce(max(spent) filter (where outcome = 'ok') over (partition by user_id), 0) end)::bigint as credits,
	price as price_
from judged
order by place
