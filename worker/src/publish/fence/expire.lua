-- Sets a TTL on a key that has none. KEYS: the lease, the key. ARGV: the lease, the deadline, the TTL in seconds.
if redis.call('TTL', KEYS[2]) == -1 then
  redis.call('EXPIRE', KEYS[2], ARGV[3])
end
return { 'done', now }
