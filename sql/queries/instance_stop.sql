-- instance_stop: a clean stop: others need not wait for the lease to run out.
-- Parameters: $1 id text, $2 epoch bigint
-- Rows: epoch; none when the epoch is not ours any more, and nothing is changed.
update instances
set until = now()
where id = $1::text and epoch = $2::bigint
returning epoch
