-- Returns the worker's commands that its account may not use, without executing them. Redis 7 and Valkey can tell; for
-- Redis 6 the list is empty and the last field is `unknown`.
-- KEYS: the lease, the epoch, the standby, the settings of the snapshots, today's increment counter, today's count, the snapshots.
-- ARGV: the channels of today's count, of the snapshots, and of refresh requests.
local time = redis.pcall('TIME')
local now = time.err and 0 or time[1] * 1000 + math.floor(time[2] / 1000)
if not redis.acl_check_cmd then
  return { 'done', now, '', 'unknown' }
end
local refused, seen = {}, {}
local function check(...)
  local text = table.concat({ ... }, ' ', 1, math.min(2, select('#', ...)))
  if not redis.acl_check_cmd(...) and not seen[text] then
    seen[text] = true
    table.insert(refused, text)
  end
end
check('TIME')
local lease, epoch, standby, made, counter = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
check('GET', lease)
check('SET', lease, 'x')
check('PEXPIRE', lease, '1')
check('TTL', lease)
check('DEL', lease)
check('GET', epoch)
check('SET', epoch, 'x')
check('GET', standby)
check('SET', standby, 'x')
check('HSET', made, 'x', 'x')
check('HGETALL', made)
check('DEL', made)
check('GET', counter)
check('TTL', counter)
check('EXPIRE', counter, '1')
for index = 6, #KEYS do
  check('GET', KEYS[index])
  check('SET', KEYS[index], 'x')
end
check('PUBLISH', ARGV[1], 'x')
check('PUBLISH', ARGV[2], 'x')
check('SUBSCRIBE', ARGV[3])
return { 'done', now, table.concat(refused, ', '), '' }
