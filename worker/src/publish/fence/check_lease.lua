-- The first part of every script that writes: checks that the worker may still write.
-- KEYS[1]: the lease. ARGV[1]: the expected value of the lease. ARGV[2]: the deadline of this command in milliseconds,
-- by the clock of this server. The sender has given the command up after that.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
-- Returns the error of a failed call, or nil.
local function failure(result)
  return type(result) == 'table' and result.err or nil
end
local lease = redis.pcall('GET', KEYS[1])
-- A key of another type is not our lease. Any other error is returned as it is.
if failure(lease) and not string.find(failure(lease), 'WRONGTYPE') then
  return lease
end
if lease ~= ARGV[1] then
  return { 'lost', now }
end
if now > tonumber(ARGV[2]) then
  return { 'late', now }
end
