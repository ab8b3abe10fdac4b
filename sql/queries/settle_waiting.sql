-- settle_waiting: settle.sql for one job that may wait for its rows (lock_timeout is the session's).
--
-- Parameters. Arrays, one element a job:
--   $1 user_id text[]         $2 job_id text[]          $3 status text[]: COMPLETED FAILED CANCELLED
--   $4 charged bigint[] (0..price)                      $5 error_code text[]    $6 error_message text[]
--   $7 generation_time float8[]  $8 cost_micros bigint[]
--   $9 provider_id text[]    $10 model text[]          $11 metadata text[] (json); null: as it was
--  one element a picture, of any of the jobs:
--  $12 job_id text[]         $13 n int[]               $14 image_id text[]        $15 object_id text[]
--  $16 key text[]            $17 sha256 text[] (hex)   $18 bytes bigint[]         $19 content_type text[]
--  $20 width int[]           $21 height int[]
--  one element an attempt that ends or whose cost is known now:
--  $22 job_id text[]         $23 part int[]            $24 n int[]                $25 outcome text[]
--  $26 error text[]          $27 reported_micros bigint[] (null: not said)        $28 settled_micros bigint[]
--  and of the instance: $29 owner text, $30 epoch bigint.
--
-- Rows, one a job in the order given: job_id, outcome, credits, final_status
--   ok       closed; credits are those free after it
--   locked   does not occur
--   already  it was final before, with final_status: what it was closed with stands
--   stale    it is not this owner's and epoch's, or there is no such job
-- What is not ok is left as it was, so running it twice changes nothing more. An attempt keeps the outcome it has;
-- one still under way that is not listed ends as unknown.
with input as (
	select *
	from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::float8[], $8::bigint[],
	            $9::text[], $10::text[], $11::text[])
		with ordinality as i (user_id, job_id, status, charged, error_code, error_message, generation_time, cost_micros,
		                      provider_id, model, metadata, place)
),
-- First users, each once, then jobs are locked, in the order of their ids, so that two batches never wait
-- for each other.
payer as materialized (
	select id, credits, held, ledger_seq, event_seq
	from users
	where id = any ($1::text[])
	order by id
	for no key update
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
		l.price, l.generation_type, l.status as final_status,
		case
			when l.id is null then
				case when exists (select from image_generation_jobs k where k.user_id = i.user_id and k.id = i.job_id)
					then 'locked' else 'stale' end
			when l.completed_at is not null then 'already'
			when l.owner = $29::text and l.epoch = $30::bigint then 'ok'
			else 'stale'
		end as outcome
	from payers p
	cross join lateral (select *, array_position(p.ids, user_id) as payer from input order by user_id, job_id) i
	left join lateral (
		select id, status, price, completed_at, owner, epoch, generation_type
		from image_generation_jobs
		where user_id = p.ids[i.payer] and id = i.job_id
		for no key update
	) l on true
),
-- Which places of the arrays are closed, and what their pictures need to know: pictures and attempts
-- name their job, and array_position says its place. (A join would compare each with each.)
closed_places as materialized (
	select array_agg(outcome = 'ok' order by place) as ok, array_agg(generation_type order by place) as types
	from judged
),
picture as materialized (
	select p.*, ($1::text[])[p.job_place] as user_id, c.types[p.job_place] as generation_type
	from (
		select *, array_position($2::text[], job_id) as job_place
		from unnest($12::text[], $13::int[], $14::text[], $15::text[], $16::text[], $17::text[], $18::bigint[], $19::text[],
		            $20::int[], $21::int[])
			with ordinality as p (job_id, n, image_id, object_id, key, sha256, bytes, content_type, width, height, place)
	) p, closed_places c
	where c.ok[p.job_place]
),
shelf as materialized (
	select array_agg(images order by place) as images, array_agg(urls order by place) as urls
	from (
		select place, count(key) as images,
			coalesce(jsonb_agg('/' || key order by n) filter (where key is not null), '[]') as urls
		from (
			select place, null as key, null as n from judged
			union all
			select job_place, key, n from picture
		) jobs_and_pictures
		group by place
	) counted
),
closing as materialized (
	select j.*, j.price - j.charged as returned, s.images[j.place] as images, s.urls[j.place] as urls,
		sum(j.price) over w as closed_price,
		sum(j.price - j.charged) over w as closed_returned,
		sum((j.charged > 0)::int + (j.charged < j.price)::int) over w as entries,
		count(*) over w as events
	from judged j, shelf s
	where j.outcome = 'ok'
	window w as (partition by j.user_id order by j.place)
),
-- From what was read under the lock: this row may still look older to the update, and is checked as it looks.
moved as (
	update users u
	set credits = t.credits + t.returned, held = t.held - t.price,
		ledger_seq = t.ledger_seq + t.entries, event_seq = t.event_seq + t.events
	from (select user_id, credits, held, ledger_seq, event_seq, max(closed_returned)::bigint as returned,
	             max(closed_price)::bigint as price, max(entries) as entries, max(events) as events
	      from closing group by user_id, credits, held, ledger_seq, event_seq) t
	where u.id = t.user_id
),
closed as (
	update image_generation_jobs j
	set status = c.status, charged = c.charged, error_code = c.error_code, error_message = c.error_message,
		generation_time = c.generation_time, cost_micros = coalesce(c.cost_micros, 0),
		provider_id = coalesce(c.provider_id, j.provider_id), model = coalesce(c.model, j.model),
		metadata = coalesce(c.metadata::jsonb, j.metadata), images_stored = c.images,
		result_urls = case when c.status = 'COMPLETED' then c.urls end,
		completed_at = now(), updated_at = now()
	from closing c
	where j.user_id = c.user_id and j.id = c.job_id
),
-- A capture leaves the free credits as they are; the release that may follow it is the next row.
entries as (
	insert into ledger (user_id, id, kind, amount, balance, held, job_id)
	select user_id, ledger_seq + entries - (returned > 0)::int, 'capture', charged,
		credits + closed_returned - returned, held - closed_price + returned, job_id
	from closing where charged > 0
	union all
	select user_id, ledger_seq + entries, 'release', returned,
		credits + closed_returned, held - closed_price, job_id
	from closing where returned > 0
),
stored as (
	insert into objects (user_id, id, key, sha256, bytes, content_type, width, height)
	select user_id, object_id, key, decode(sha256, 'hex'), bytes, content_type, width, height
	from picture
),
shown as (
	insert into images (user_id, id, job_id, n, object_id, generation_type, created_at)
	select user_id, image_id, job_id, n, object_id, generation_type,
		now() - place * interval '1 microsecond'        -- newest first, and the first of a job before its second
	from picture
),
ended as (
	update attempts a
	set outcome = coalesce(a.outcome, t.outcome, 'unknown'), ended_at = coalesce(a.ended_at, now()),
		error_message = coalesce(a.error_message, t.error),
		reported_micros = coalesce(t.reported_micros, a.reported_micros),
		settled_micros = coalesce(t.settled_micros, a.settled_micros)
	from (
		select user_id, job_id, part, n, max(outcome) as outcome, max(error) as error,
			max(reported_micros) as reported_micros, max(settled_micros) as settled_micros
		from (
			select ($1::text[])[array_position($2::text[], o.job_id)] as user_id, o.*
			from unnest($22::text[], $23::int[], $24::int[], $25::text[], $26::text[], $27::bigint[], $28::bigint[])
				as o (job_id, part, n, outcome, error, reported_micros, settled_micros), closed_places c
			where c.ok[array_position($2::text[], o.job_id)]
			union all
			select b.user_id, b.job_id, b.part, b.n, null, null, null, null
			from closing c
			join attempts b on b.user_id = c.user_id and b.job_id = c.job_id
			where b.outcome is null
		) listed_and_left
		group by user_id, job_id, part, n
	) t
	where a.user_id = t.user_id and a.job_id = t.job_id and a.part = t.part and a.n = t.n
),
pieces as (
	update parts p
	set step = case when c.status = 'COMPLETED' then 'STORED' else 'FAILED' end, updated_at = now()
	from closing c
	where p.user_id = c.user_id and p.job_id = c.job_id
		and p.step <> 'FAILED' and p.step <> case when c.status = 'COMPLETED' then 'STORED' else 'FAILED' end
),
told as (
	insert into events (user_id, seq, type, job_id, payload)
	select user_id, event_seq + events, 'job.' || lower(status), job_id,
		jsonb_build_object('job_id', job_id, 'status', status, 'images', images, 'charged', charged)
	from closing
)
select job_id, outcome,
	(credits + coalesce(sum(price - charged) filter (where outcome = 'ok') over (partition by user_id), 0))::bigint as credits,
	case outcome when 'ok' then status when 'already' then final_status end as final_status
from judged
order by place
