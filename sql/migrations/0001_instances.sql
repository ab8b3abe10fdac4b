-- Running servers and their leases.
--
-- A job carries the owner's id and epoch; its owner is alive while `until` lies ahead. One row is
-- renewed for each instance, not one for each job: ten thousand jobs would cost megabytes of log a beat.

create table instances (
	id         text collate "C" primary key check (length(id) between 1 and 100),
	epoch      bigint      not null check (epoch >= 1),     -- grows at each start: what an earlier life still sends is refused
	until      timestamptz not null,
	started_at timestamptz not null default now(),
	version    text        not null default ''
) with (fillfactor = 50);
