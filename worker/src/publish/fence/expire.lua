-- Lets a key that never ends end. KEYS: the lease, the key. ARGV: the lease, until when; the seconds.
if redis.call('TTL', KEYS[2]) == -1 then
  redis.call('EXPIRE', KEYS[2], ARGV[3])
end
return { 'done', now }
