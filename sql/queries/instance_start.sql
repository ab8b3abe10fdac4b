-- instance_start: begin a life: a new epoch, and a lease of 15 s.
-- Parameters: $1 id text, $2 version text
-- Rows, one: epoch
insert into instances as i (id, epoch, until, version)
values ($1::text, 1, now() + interval '15 seconds', coalesce($2::text, ''))
on conflict (id) do update
set epoch = i.epoch + 1, until = excluded.until, started_at = now(), version = excluded.version
returning epoch
