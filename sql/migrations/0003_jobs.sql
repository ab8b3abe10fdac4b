-- Jobs, their parts (one call to a provider each) and the attempts at each part.
--
-- "Live" is `completed_at is null`, never a list of statuses: it is what the partial indexes say,
-- and a status that changes while a job runs then touches no index (a heap-only update).

create table image_generation_jobs (
	user_id         text collate "C" not null references users,
	id              text collate "C" not null check (length(id) between 1 and 64),
	status          text        not null default 'PENDING'
		check (status in ('PENDING', 'INITIALIZING', 'GENERATING', 'SAVING', 'COMPLETED', 'FAILED', 'CANCELLED')),
	generation_type varchar(50) not null default 'avatar' check (generation_type in ('avatar', 'imagen4', 'video')),
	source_model    varchar(100),
	operation       text        not null default 'text_to_image',
	prompt          text        not null,
	params          jsonb       not null default '{}',
	model           text        not null,
	provider_id     text,
	num_images      int         not null default 1 check (num_images between 0 and 100),
	images_stored   int         not null default 0,
	price           bigint      not null check (price >= 0),        -- credits for all pictures, fixed when they are held
	charged         bigint,                                         -- null until closed
	cost_micros     bigint      not null default 0 check (cost_micros >= 0),        -- what the provider takes, micro-USD
	cost            numeric(12,6) generated always as (cost_micros / 1000000.0) stored,
	generation_time double precision check (generation_time >= 0),
	result_urls     jsonb,
	error_code      text,
	error_message   text,
	metadata        jsonb,
	owner           text collate "C",                                           -- instance that works on it; null: nobody yet
	epoch           bigint,
	cancel_requested_at timestamptz,
	deadline_at     timestamptz not null,
	created_at      timestamptz not null default now(),
	updated_at      timestamptz not null default now(),
	completed_at    timestamptz,
	primary key (user_id, id),
	constraint jobs_final check ((completed_at is null) = (status not in ('COMPLETED', 'FAILED', 'CANCELLED'))),
	constraint jobs_closed check ((completed_at is null) = (charged is null)),
	constraint jobs_charged check (charged between 0 and price),
	constraint jobs_charged_for_pictures check (status = 'COMPLETED' or coalesce(charged, 0) = 0),
	constraint jobs_images check (images_stored between 0 and num_images),
	constraint jobs_result check (result_urls is null or status = 'COMPLETED'),
	constraint jobs_owner check ((owner is null) = (epoch is null))
) with (fillfactor = 75);

-- Newest first, a page at a time (read backwards). Its condition holds for every row; a list repeats it.
-- Without one the planner, while the table is small, thinks this index as good as the primary key for a
-- look-up by (user_id, id), and a session remembers that plan: 60 ms instead of 0.5 for 64 jobs of one user.
create index jobs_newest on image_generation_jobs (user_id, created_at, id) where created_at > '-infinity';
create index jobs_live_by_user on image_generation_jobs (user_id, created_at, id) where completed_at is null;
-- Take-over, deadlines and reaping. '' stands for "nobody", so that one scan finds those as well.
create index jobs_live_by_owner on image_generation_jobs (coalesce(owner, ''), epoch, deadline_at) where completed_at is null;
create index jobs_cancel_wishes on image_generation_jobs (owner) where completed_at is null and cancel_requested_at is not null;
-- Cost reports over the last days: next to nothing to keep, and the rows lie in this order.
create index jobs_by_day on image_generation_jobs using brin (created_at) with (pages_per_range = 32, autosummarize = on);

create table parts (
	user_id             text collate "C" not null,
	job_id              text collate "C" not null,
	part                int         not null check (part >= 1),
	images              int         not null check (images >= 0),
	step                text        not null default 'ADMIT'
		check (step in ('ADMIT', 'SUBMIT', 'WAIT', 'CALL', 'STORED', 'FAILED')),
	handle              text        check (octet_length(handle) <= 2048),   -- how to ask the provider about it again
	provider_request_id text,
	pictures            jsonb,                                              -- stored, but the job is not settled yet
	error_code          text,
	error_message       text,
	updated_at          timestamptz not null default now(),
	primary key (user_id, job_id, part),
	foreign key (user_id, job_id) references image_generation_jobs
) with (fillfactor = 75);

create table attempts (
	user_id          text collate "C" not null,
	job_id           text collate "C" not null,
	part             int         not null,
	n                int         not null check (n >= 1),
	provider_id      text        not null,
	model            text        not null,
	owner            text collate "C",
	epoch            bigint,
	outcome          text                                           -- null: under way
		check (outcome in ('ok', 'not_sent', 'refused', 'bad_input', 'credentials', 'provider_credits',
		                   'rate_limited', 'overloaded', 'gone', 'failed', 'unknown', 'cancelled')),
	error_message    text,
	started_at       timestamptz not null default now(),
	ended_at         timestamptz,
	estimated_micros bigint      not null default 0 check (estimated_micros >= 0),
	reported_micros  bigint      check (reported_micros >= 0),      -- what the provider said
	settled_micros   bigint      check (settled_micros >= 0),       -- what the job's cost counts
	primary key (user_id, job_id, part, n),
	constraint attempts_ended check ((outcome is null) = (ended_at is null))
) with (fillfactor = 75);

-- What was closed stays closed, and a price is fixed from the moment it is held.
create function jobs_refuse() returns trigger language plpgsql as $$
begin
	raise exception 'job %: its price, and what it was closed with, do not change', old.id
		using errcode = 'check_violation', constraint = 'jobs_fixed';
end $$;

create trigger jobs_fixed before update on image_generation_jobs for each row
	when (new.price <> old.price or new.user_id <> old.user_id or new.id <> old.id
	      or (old.completed_at is not null
	          and (new.completed_at is distinct from old.completed_at or new.status <> old.status
	               or new.charged is distinct from old.charged or new.images_stored <> old.images_stored)))
	execute function jobs_refuse();
