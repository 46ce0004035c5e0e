-- Takes the lease if it is free, or takes it for longer if it is ours. Returns whose the lease is.
-- KEYS: the lease, the last epoch. ARGV: our name, the life of the lease in milliseconds, the last epoch that we know of,
-- until when the command may be carried out, and 'take', or 'look' to change nothing that is free or ours.
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
  -- Also a lease that this version cannot read is respected, because it ends. One without an end is no worker's: it is
  -- given the life of a lease, so that a worker can become active.
  local endless = redis.pcall('TTL', KEYS[1]) == -1
  if endless then
    redis.call('PEXPIRE', KEYS[1], ARGV[2])
  end
  return { 'taken', now, wrong_type and '0 a key of another type' or lease, endless and 'repaired' or '' }
end
if ARGV[5] == 'look' then
  return { 'free', now }
end
if ours then
  -- PEXPIRE is allowed in a full server, SET is not. Without the right to PEXPIRE the lease is written again.
  if failure(redis.pcall('PEXPIRE', KEYS[1], ARGV[2])) then
    redis.call('SET', KEYS[1], lease, 'PX', ARGV[2])
  end
  return { 'done', now, lease, '' }
end
-- An epoch is the time at which it began, so that it rises also over a server that has lost everything. What is no epoch, or
-- none that Lua can count on from, is passed over.
local last = now
local function at_least(epoch)
  if type(epoch) == 'string' and string.match(epoch, '^%d+$') then
    local number = tonumber(epoch)
    if number < 2 ^ 53 then
      last = math.max(last, number)
    end
  end
end
at_least(redis.pcall('GET', KEYS[2]))
at_least(ARGV[3])
lease = string.format('%d %s', last + 1, ARGV[1])
redis.call('SET', KEYS[2], string.format('%d', last + 1))
redis.call('SET', KEYS[1], lease, 'PX', ARGV[2])
return { 'done', now, lease, '' }
