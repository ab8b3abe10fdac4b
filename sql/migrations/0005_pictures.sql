-- Stored files (objects) and the pictures in the gallery (images) that refer to them.
--
-- Two pictures may share one object: a cache hit stores nothing new. An object goes only
-- after a time in state `deleting` with no picture referring to it.

create table objects (
	user_id      text collate "C" not null,
	id           text collate "C" not null check (length(id) between 1 and 64),
	key          text collate "C" not null unique,       -- path in the store: generated_images/{job}/image_{n}.{ext}
	sha256       bytea       not null check (length(sha256) = 32),
	bytes        bigint      not null check (bytes >= 0),
	content_type text        not null,
	width        int         check (width > 0),
	height       int         check (height > 0),
	state        text        not null default 'stored' check (state in ('stored', 'deleting')),
	created_at   timestamptz not null default now(),
	primary key (user_id, id)
);

create table images (
	user_id         text collate "C" not null,
	id              text collate "C" not null check (length(id) between 1 and 64),
	job_id          text collate "C" not null,
	n               int         not null check (n >= 1),
	object_id       text collate "C" not null,
	generation_type varchar(50) not null default 'avatar' check (generation_type in ('avatar', 'imagen4', 'video')),
	created_at      timestamptz not null default now(),
	deleted_at      timestamptz,
	primary key (user_id, id),
	unique (user_id, job_id, n),
	foreign key (user_id, object_id) references objects
);

create index images_by_object on images (user_id, object_id);
-- The gallery, newest first (read backwards), with and without a filter.
create index images_newest on images (user_id, created_at, id) where deleted_at is null;
create index images_newest_by_type on images (user_id, generation_type, created_at, id) where deleted_at is null;
