-- Stores a value that lives for a while, and publishes.
-- KEYS: the lease, the key, the settings under which each snapshot was made. ARGV: the lease, until when; the value, its
-- end by the clock of this server and its life at most, both in milliseconds; channel and message; and of a snapshot its
-- name and the settings under which it was made, and its time where it must not take the place of a newer one.
local life = math.min(tonumber(ARGV[4]) - now, tonumber(ARGV[5]))
if life <= 0 then
  return { 'late', now }
end
if ARGV[10] then
  local ok, present = pcall(cjson.decode, redis.call('GET', KEYS[2]) or '')
  if ok and type(present) == 'table' and tostring(present.generated_at) > ARGV[10] then
    return { 'older', now }
  end
end
redis.call('SET', KEYS[2], ARGV[3], 'PX', string.format('%d', life))
if ARGV[8] then
  redis.call('HSET', KEYS[3], ARGV[8], ARGV[9])
end
redis.call('PUBLISH', ARGV[6], ARGV[7])
return { 'done', now }
