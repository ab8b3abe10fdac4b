-- settle: close jobs: charge or give back, pictures, attempts, event; all or nothing for each.
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
--   locked   somebody else has the user's or the job's row at this moment: put it into the next batch
--   already  it was final before, with final_status: what it was closed with stands
--   stale    it is not this owner's and epoch's, or there is no such job
-- What is not ok is left as it was, so running it twice changes nothing more. An attempt keeps the outcome it has;
-- one still under way that is not listed ends as unknown.
with input as materialized (
	select *
	from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::float8[], $8::bigint[],
	            $9::text[], $10::text[], $11::text[])
		with ordinality as i (user_id, job_id, status, charged, error_code, error_message, generation_time, cost_micros,
		                      provider_id, model, metadata, place)
),
picture as materialized (
	select *
	from unnest($12::text[], $13::int[], $14::text[], $15::text[], $16::text[], $17::text[], $18::bigint[], $19::text[],
	            $20::int[], $21::int[])
		with ordinality as p (job_id, n, image_id, object_id, key, sha256, bytes, content_type, width, height, place)
),
over as materialized (
	select *
	from unnest($22::text[], $23::int[], $24::int[], $25::text[], $26::text[], $27::bigint[], $28::bigint[])
		as o (job_id, part, n, outcome, error, reported_micros, settled_micros)
),
known as materialized (
	select j.user_id, j.id
	from input i join image_generation_jobs j on j.user_id = i.user_id and j.id = i.job_id
),
-- First users, then jobs, each in the order of ids, so that two batches never wait for each other. A row that
-- somebody else has is left out: waiting for it would hold up all the others.
payer as materialized (
	select id, credits, held, ledger_seq, event_seq
	from users
	where id = any ($1::text[])
	order by id
	for no key update skip locked
),
locked as materialized (
	select j.user_id, j.id, j.status, j.price, j.completed_at, j.owner, j.epoch, j.generation_type
	from image_generation_jobs j
	where (j.user_id, j.id) in (select i.user_id, i.job_id from input i join payer u on u.id = i.user_id)
	order by j.user_id, j.id
	for no key update skip locked
),
judged as materialized (
	select i.*, l.price, l.generation_type, l.status as final_status,
		case
			when k.id is null then 'stale'
			when l.id is null then 'locked'
			when l.completed_at is not null then 'already'
			when l.owner = $29::text and l.epoch = $30::bigint then 'ok'
			else 'stale'
		end as outcome
	from input i
	left join known k on k.user_id = i.user_id and k.id = i.job_id
	left join locked l on l.user_id = i.user_id and l.id = i.job_id
),
closing as materialized (
	select j.*, u.credits, u.held, u.ledger_seq, u.event_seq,
		j.price - j.charged as returned,
		sum(j.price) over w as closed_price,
		sum(j.price - j.charged) over w as closed_returned,
		sum((j.charged > 0)::int + (j.charged < j.price)::int) over w as entries,
		count(*) over w as events,
		(select count(*) from picture p where p.job_id = j.job_id) as images
	from judged j
	join payer u on u.id = j.user_id
	where j.outcome = 'ok'
	window w as (partition by j.user_id order by j.place)
),
moved as (
	update users u
	set credits = u.credits + t.returned, held = u.held - t.price,
		ledger_seq = u.ledger_seq + t.entries, event_seq = u.event_seq + t.events
	from (select user_id, sum(returned)::bigint as returned, sum(price)::bigint as price,
	             max(entries) as entries, max(events) as events
	      from closing group by user_id) t
	where u.id = t.user_id
	returning u.id, u.credits
),
closed as (
	update image_generation_jobs j
	set status = c.status, charged = c.charged, error_code = c.error_code, error_message = c.error_message,
		generation_time = c.generation_time, cost_micros = coalesce(c.cost_micros, 0),
		provider_id = coalesce(c.provider_id, j.provider_id), model = coalesce(c.model, j.model),
		metadata = coalesce(c.metadata::jsonb, j.metadata), images_stored = c.images,
		result_urls = case when c.status = 'COMPLETED' then coalesce((
			select jsonb_agg('/' || p.key order by p.n) from picture p where p.job_id = c.job_id), '[]') end,
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
	select c.user_id, p.object_id, p.key, decode(p.sha256, 'hex'), p.bytes, p.content_type, p.width, p.height
	from picture p join closing c on c.job_id = p.job_id
),
shown as (
	insert into images (user_id, id, job_id, n, object_id, generation_type, created_at)
	select c.user_id, p.image_id, p.job_id, p.n, p.object_id, c.generation_type,
		now() - p.place * interval '1 microsecond'      -- newest first, and the first of a job before its second
	from picture p join closing c on c.job_id = p.job_id
),
ended as (
	update attempts a
	set outcome = coalesce(a.outcome, t.outcome, 'unknown'), ended_at = coalesce(a.ended_at, now()),
		error_message = coalesce(a.error_message, t.error),
		reported_micros = coalesce(t.reported_micros, a.reported_micros),
		settled_micros = coalesce(t.settled_micros, a.settled_micros)
	from (
		select b.user_id, b.job_id, b.part, b.n, o.outcome, o.error, o.reported_micros, o.settled_micros
		from closing c
		join attempts b on b.user_id = c.user_id and b.job_id = c.job_id
		left join over o on o.job_id = b.job_id and o.part = b.part and o.n = b.n
		where b.outcome is null or o.n is not null
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
select j.job_id, j.outcome, coalesce(m.credits, u.credits) as credits,
	case j.outcome when 'ok' then j.status when 'already' then j.final_status end as final_status
from judged j
left join payer u on u.id = j.user_id
left join moved m on m.id = j.user_id
order by j.place
