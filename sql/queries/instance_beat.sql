-- instance_beat: renew the lease for 15 s from now.
-- Parameters: $1 id text, $2 epoch bigint
-- Rows: epoch; none when the epoch is not ours any more, and nothing is changed.
update instances
set until = now() + interval '15 seconds'
where id = $1::text and epoch = $2::bigint
returning epoch
