-- instance_lock: one process for each instance id: a session lock, given back when the connection ends.
-- Parameters: $1 id text
-- Rows, one: locked bool; false: another process holds it.
select pg_try_advisory_lock(hashtextextended($1::text, 0)) as locked
