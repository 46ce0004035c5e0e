-- In front of each script that writes: whether it still may.
-- KEYS[1]: the lease. ARGV[1]: what stands there while it is ours. ARGV[2]: until when the command may be carried out,
-- in milliseconds by the clock of this server; whoever sent it has given it up after that.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
-- The error of a call that failed, or nil.
local function failure(result)
  return type(result) == 'table' and result.err or nil
end
local lease = redis.pcall('GET', KEYS[1])
-- A key of another type is not our lease; any other error is not an answer.
if failure(lease) and not string.find(failure(lease), 'WRONGTYPE') then
  return lease
end
if lease ~= ARGV[1] then
  return { 'lost', now }
end
if now > tonumber(ARGV[2]) then
  return { 'late', now }
end
