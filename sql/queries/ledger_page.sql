-- ledger_page: a page of a user's ledger.
-- Parameters: $1 user_id text, $2 before_id bigint (null: from the newest), $3 limit int
-- Rows, newest first: id, kind, amount, balance, job_id, created_us, reason
select id, kind, amount, balance, job_id, (extract(epoch from created_at) * 1000000)::bigint as created_us, reason
from ledger
where user_id = $1::text and id < coalesce($2::bigint, 9223372036854775807)
order by id desc
limit $3::int
