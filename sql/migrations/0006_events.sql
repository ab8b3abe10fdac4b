-- What happened, for server-sent events, webhooks and the page; and what is still to be delivered.
--
-- seq is counted in the user's own row by the statement that commits the change: an identity column
-- would let a lower number commit after a higher one, and a reader that resumes would miss it.

create table events (
	user_id    text collate "C" not null,
	seq        bigint      not null check (seq >= 1),
	type       text        not null,
	job_id     text collate "C",
	payload    jsonb       not null default '{}',
	created_at timestamptz not null default now(),
	primary key (user_id, seq)
);

create table outbox (
	user_id      text collate "C" not null references users,
	id           text collate "C" not null check (length(id) between 1 and 64),
	job_id       text collate "C",
	kind         text        not null,
	payload      jsonb       not null,
	due_at       timestamptz not null default now(),
	tries        int         not null default 0 check (tries >= 0),
	created_at   timestamptz not null default now(),
	delivered_at timestamptz,
	primary key (user_id, id)
);

create index outbox_due on outbox (due_at) where delivered_at is null;
