-- Writes a value with a TTL, and publishes a message. The value and the settings are written together or not at all.
-- KEYS: the lease, the key, the hash of settings by snapshot. ARGV: the lease, the deadline; the value, the time at
-- which it expires by the clock of this server and its longest TTL, both in milliseconds; the channel and the message.
-- For a snapshot also its name, the settings under which it was made, and optionally its generated_at: then it does not
-- replace a newer one that was made under the same settings.
local ttl = math.min(tonumber(ARGV[4]) - now, tonumber(ARGV[5]))
if ttl <= 0 then
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
local stored = redis.pcall('SET', KEYS[2], ARGV[3], 'PX', string.format('%d', ttl))
if failure(stored) then
  if ARGV[8] then
    -- The old value is still there, and it is not known to be made under these settings.
    redis.call('HSET', KEYS[3], ARGV[8], '')
  end
  return stored
end
redis.call('PUBLISH', ARGV[6], ARGV[7])
return { 'done', now, '', repaired }
