-- Acquires the lease if it is free, or renews it if it is ours. Returns the lease and whether it is ours.
-- KEYS: the lease, the last epoch, the standby. ARGV: our name, the TTL of the lease in milliseconds, the last epoch that we know
-- of, the deadline of this command, and 'acquire', or 'inspect' to leave a lease that is free or ours unchanged.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if now > tonumber(ARGV[4]) then
  return { 'late', now }
end
local function failure(result)
  return type(result) == 'table' and result.err or nil
end
local lease = redis.pcall('GET', KEYS[1])
local wrong_type = failure(lease) and string.find(failure(lease), 'WRONGTYPE')
if failure(lease) and not wrong_type then
  return lease
end
local ours = lease and not wrong_type and string.match(lease, '^%d+ (.*)$') == ARGV[1]
if lease and not ours then
  -- A lease that this version cannot parse is respected too, because it expires. No worker writes one without a TTL:
  -- such a key gets the TTL of a lease, so that a worker can become active.
  local has_no_ttl = redis.pcall('TTL', KEYS[1]) == -1
  if has_no_ttl then
    redis.call('PEXPIRE', KEYS[1], ARGV[2])
  end
  -- Tells the holder of the lease that it is not the only worker. Without a mark everything else works.
  if type(redis.pcall('GET', KEYS[3])) ~= 'string' then
    redis.pcall('SET', KEYS[3], ARGV[1], 'PX', ARGV[2])
  end
  return { 'taken', now, wrong_type and '0 a key of another type' or lease, has_no_ttl and 'repaired' or '' }
end
if ARGV[5] == 'inspect' then
  return { 'free', now }
end
local standby = type(redis.pcall('GET', KEYS[3])) == 'string' and 'standby' or ''
if ours then
  -- A server that is out of memory allows PEXPIRE but not SET. Without the right to PEXPIRE, write the lease again.
  if failure(redis.pcall('PEXPIRE', KEYS[1], ARGV[2])) then
    redis.call('SET', KEYS[1], lease, 'PX', ARGV[2])
  end
  return { 'done', now, lease, standby }
end
-- An epoch is the time at which it began, so that it rises even if the server has lost all data. Values that are no
-- epoch, or are too large for exact arithmetic in Lua, are ignored.
local last = now
local function raise_to(epoch)
  if type(epoch) == 'string' and string.match(epoch, '^%d+$') then
    local number = tonumber(epoch)
    if number < 2 ^ 53 then
      last = math.max(last, number)
    end
  end
end
raise_to(redis.pcall('GET', KEYS[2]))
raise_to(ARGV[3])
lease = string.format('%d %s', last + 1, ARGV[1])
redis.call('SET', KEYS[2], string.format('%d', last + 1))
redis.call('SET', KEYS[1], lease, 'PX', ARGV[2])
return { 'done', now, lease, standby }
