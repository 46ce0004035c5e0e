-- Releases the lease. KEYS: the lease. ARGV: the lease, the deadline.
redis.call('DEL', KEYS[1])
return { 'done', now }
