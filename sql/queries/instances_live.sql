-- instances_live: how many instances run now.
-- Parameters: none
-- Rows, one: count
select count(*) as count from instances where until > now()
