-- Stores a value that lives for a while, and publishes. Value and settings are written both or not at all.
-- KEYS: the lease, the key, the settings under which each snapshot was made. ARGV: the lease, until when; the value, its
-- end by the clock of this server and its life at most, both in milliseconds; channel and message; and of a snapshot its
-- name and the settings under which it was made, and its time where it must not take the place of a newer one that was
-- made under the same settings.
local life = math.min(tonumber(ARGV[4]) - now, tonumber(ARGV[5]))
if life <= 0 then
  return { 'late', now }
end
if ARGV[10] then
  local made = redis.pcall('HGETALL', KEYS[3])
  local same = false
  for index = 1, #made, 2 do
    same = same or (made[index] == ARGV[8] and made[index + 1] == ARGV[9])
  end
  local ok, present = pcall(cjson.decode, redis.pcall('GET', KEYS[2]) or '')
  if same and ok and type(present) == 'table' and tostring(present.generated_at) > ARGV[10] then
    return { 'older', now }
  end
end
local repaired = ''
if ARGV[8] then
  local marked = redis.pcall('HSET', KEYS[3], ARGV[8], ARGV[9])
  if failure(marked) and string.find(failure(marked), 'WRONGTYPE') then
    redis.call('DEL', KEYS[3])
    marked = redis.pcall('HSET', KEYS[3], ARGV[8], ARGV[9])
    repaired = 'repaired'
  end
  if failure(marked) then
    return marked
  end
end
local stored = redis.pcall('SET', KEYS[2], ARGV[3], 'PX', string.format('%d', life))
if failure(stored) then
  if ARGV[8] then
    -- The old value is still there, and was not made under these settings as far as is known now.
    redis.call('HSET', KEYS[3], ARGV[8], '')
  end
  return stored
end
redis.call('PUBLISH', ARGV[6], ARGV[7])
return { 'done', now, '', repaired }
