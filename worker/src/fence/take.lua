-- Takes the lease if it is free, or takes it for longer if it is ours.
-- KEYS: the lease, the last epoch. ARGV: our name, the life of the lease in milliseconds, the last epoch that we know of,
-- until when the command may be carried out. Gives whose the lease is.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if now > tonumber(ARGV[4]) then
  return { 'late', now }
end
local lease = redis.call('GET', KEYS[1])
if lease and string.match(lease, '^%d+ (.*)$') ~= ARGV[1] then
  return { 'taken', now, lease }
end
if lease then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  return { 'done', now, lease }
end
-- An epoch is the time at which it began, so that it rises also over a server that has lost everything.
local last = math.max(tonumber(redis.call('GET', KEYS[2]) or 0) or 0, tonumber(ARGV[3]), now)
lease = string.format('%d %s', last + 1, ARGV[1])
redis.call('SET', KEYS[2], string.format('%d', last + 1))
redis.call('SET', KEYS[1], lease, 'PX', ARGV[2])
return { 'done', now, lease }
