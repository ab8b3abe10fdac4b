-- Users and their keys.
--
-- Every table of a user's things has user_id first in its key, so that a distributed Postgres can
-- keep each user's rows together.

create table users (
	id          text        primary key check (length(id) between 1 and 64),
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
	id         text        primary key check (length(id) between 1 and 64),
	user_id    text        not null references users,
	hash       bytea       not null unique check (length(hash) = 32),       -- SHA-256; the key itself is shown once and kept nowhere
	hint       text        not null default '',                             -- its last characters, for people
	created_at timestamptz not null default now(),
	revoked_at timestamptz
);

create index api_keys_by_user on api_keys (user_id);
