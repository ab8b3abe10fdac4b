-- Events of a user are numbered without a gap, so that a reader who resumes misses none.
select u.id as user_id, u.event_seq, count(e.seq) as events, coalesce(max(e.seq), 0) as newest
from users u left join events e on e.user_id = u.id
group by u.id
having count(e.seq) <> coalesce(max(e.seq), 0) or coalesce(max(e.seq), 0) <> u.event_seq
