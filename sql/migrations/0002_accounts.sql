-- Users and their keys.
--
-- Ids are compared byte by byte (collate "C"): in a database with a language of its own each step down an
-- index would otherwise follow its rules.
-- Every table of a user's things has user_id first in its key, so that a distributed Postgres can
-- keep each user's rows together.

create table users (
	id          text collate "C" primary key check (length(id) between 1 and 64),
	name        text        not null unique check (length(name) between 1 and 64),
	role        text        not null default 'user' check (role in ('user', 'admin')),
	credits     bigint      not null default 0 check (credits >= 0),        -- free ones, without `held`
	held        bigint      not null default 0 check (held >= 0),           -- set aside for jobs that are not closed
	ledger_seq  bigint      not null default 0 check (ledger_seq >= 0),     -- id of the newest ledger row
	event_seq   bigint      not null default 0 check (event_seq >= 0),      -- seq of the newest event
	created_at  timestamptz not null default now(),
	disabled_at timestamptz
) with (fillfactor = 50);       -- this row changes with every job: leave room beside it

create table api_keys (
	id         text collate "C" primary key check (length(id) between 1 and 64),
	user_id    text collate "C" not null references users,
	hash       bytea       not null unique check (length(hash) = 32),       -- SHA-256; the key itself is shown once and kept nowhere
	hint       text        not null default '',                             -- its last characters, for people
	created_at timestamptz not null default now(),
	revoked_at timestamptz
);

create index api_keys_by_user on api_keys (user_id);

-- Most tables of a user's things have no foreign key to this one: their rows are written together with a
-- change of this row's counters, and a check for each row would be a third of the work of accepting a job.
-- So a user who ever had anything stays.
create function users_keep() returns trigger language plpgsql as $$
begin
	raise exception 'user % has a history: disable it instead', old.id
		using errcode = 'restrict_violation', constraint = 'users_keep';
end $$;

create trigger users_keep before delete on users for each row
	when (old.ledger_seq > 0 or old.event_seq > 0) execute function users_keep();
