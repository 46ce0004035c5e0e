-- Gives the lease back. KEYS: the lease. ARGV: the lease, until when.
redis.call('DEL', KEYS[1])
return { 'done', now }
