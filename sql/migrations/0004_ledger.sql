-- The ledger: every change of every user's credits. Rows are added, never changed.
--
-- What the schema itself holds, whoever writes:
--  L1  each row follows from the one before: balance and held move by exactly its amount, never below 0
--  L2  users.credits, held and ledger_seq are those of the newest row
--  L3  a job has at most one hold, one capture, one release; its hold is its price
--  L4  a capture is what the job charged, a release is the rest; neither comes before the job is final
--  L5  a job is final only together with the rows that close its hold: captured + released = held
--
-- The checks run at the end of each statement, set-wise, on the rows it added. A change of credits
-- and its ledger rows must therefore be one statement; deferred triggers would allow several, but run
-- once for each row.

create table ledger (
	user_id    text collate "C" not null,                                -- ledger_check() sees that there is one
	id         bigint      not null check (id >= 1),
	kind       text        not null check (kind in ('topup', 'adjust', 'hold', 'capture', 'release')),
	amount     bigint      not null,
	balance    bigint      not null check (balance >= 0),           -- free credits after it
	held       bigint      not null check (held >= 0),              -- credits set aside after it
	job_id     text collate "C",
	reason     text,
	created_at timestamptz not null default now(),
	primary key (user_id, id),
	constraint ledger_amount check (amount > 0 or (kind = 'adjust' and amount <> 0)),
	constraint ledger_job check ((job_id is not null) = (kind in ('hold', 'capture', 'release')))
);

-- job_id first: jobs_closed() looks a job's rows up by it alone, for the reason given at jobs_newest.
create unique index ledger_once on ledger (job_id, kind, user_id) where job_id is not null;

create function ledger_append_only() returns trigger language plpgsql as $$
begin
	raise exception 'the ledger is append-only: add a row that corrects'
		using errcode = 'check_violation', constraint = 'ledger_append_only';
end $$;

create trigger ledger_append_only before update or delete or truncate on ledger
	for each statement execute function ledger_append_only();

-- L1, L3, L4. The planner knows nothing of `fresh`: only look-ups by key are allowed, or it might
-- remember a plan that reads the whole ledger.
create function ledger_check() returns trigger language plpgsql
	set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
declare
	wrong record;
begin
	select * into wrong
	from (
		select n.user_id, n.id,
			(p.id is null and n.id > 1)
				or n.id > coalesce(u.ledger_seq, 0)
				or n.balance - coalesce(p.balance, 0) <>
					case n.kind when 'hold' then -n.amount when 'capture' then 0 else n.amount end
				or n.held - coalesce(p.held, 0) <>
					case n.kind when 'hold' then n.amount when 'capture' then -n.amount when 'release' then -n.amount else 0 end
				as breaks_chain,
			n.job_id is not null
				and n.amount is distinct from
					case n.kind when 'hold' then j.price when 'capture' then j.charged else j.price - j.charged end
				as breaks_job
		from fresh n
		left join ledger p on p.user_id = n.user_id and p.id = n.id - 1
		left join users u on u.id = n.user_id
		left join image_generation_jobs j on j.user_id = n.user_id and j.id = n.job_id
	) looked_at
	where breaks_chain or breaks_job
	limit 1;
	if found then
		raise exception 'ledger row % of user % does not %', wrong.id, wrong.user_id,
			case when wrong.breaks_chain then 'follow from the one before' else 'agree with its job' end
			using errcode = 'check_violation',
			      constraint = case when wrong.breaks_chain then 'ledger_chain' else 'ledger_of_job' end;
	end if;
	return null;
end $$;

create trigger ledger_check after insert on ledger
	referencing new table as fresh for each statement execute function ledger_check();

-- L2.
create function users_check() returns trigger language plpgsql
	set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
declare
	wrong record;
begin
	select u.id into wrong
	from fresh u
	left join ledger l on l.user_id = u.id and l.id = u.ledger_seq
	left join ledger later on later.user_id = u.id and later.id = u.ledger_seq + 1
	where later.id is not null
		or (l.id is null and u.ledger_seq > 0)
		or u.credits <> coalesce(l.balance, 0)
		or u.held <> coalesce(l.held, 0)
	limit 1;
	if found then
		raise exception 'credits of user % are not those of the newest ledger row', wrong.id
			using errcode = 'check_violation', constraint = 'users_credits';
	end if;
	return null;
end $$;

create trigger users_check_new after insert on users
	referencing new table as fresh for each statement execute function users_check();
create trigger users_check after update on users
	referencing new table as fresh for each statement execute function users_check();

-- L5. ledger_check() has seen to the amounts, and ledger_once that no row is there twice: so it is enough
-- to count. For each row, because `when` is what keeps it away from the many updates that close nothing.
create function jobs_closed() returns trigger language plpgsql as $$
begin
	if (select count(*) from ledger where job_id = new.id and user_id || '' = new.user_id)
	   <> (new.price > 0)::int + (new.charged > 0)::int + (new.charged < new.price)::int then
		raise exception 'job % is final, but its hold is not closed', new.id
			using errcode = 'check_violation', constraint = 'jobs_closed_in_ledger';
	end if;
	return null;
end $$;

create trigger jobs_closed after update on image_generation_jobs for each row
	when (old.completed_at is null and new.completed_at is not null) execute function jobs_closed();
create trigger jobs_closed_new after insert on image_generation_jobs for each row
	when (new.completed_at is not null) execute function jobs_closed();
