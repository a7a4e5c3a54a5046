-- For wrk: clients of the metadata service in hardened mode. The argument says what they do:
-- "put" session tokens, "read" an item with a token that stays, or both in "turn".

local load
local token
local asked = 0

local put = function()
  return wrk.format("PUT", "/latest/api/token",
                    {["X-aliyun-ecs-metadata-token-ttl-seconds"] = "21600"})
end

local read = function()
  return wrk.format("GET", "/latest/meta-data/vpc-id", {["X-aliyun-ecs-metadata-token"] = token})
end

function init(arguments)
  load = arguments[1]
  token = arguments[2]
end

function request()
  asked = asked + 1
  if load == "put" or load == "turn" and asked % 2 == 1 then return put() end
  return read()
end

-- "REQUESTS/S P99_MICROSECONDS FAILURES"
function done(summary, latency)
  local errors = summary.errors
  io.write(string.format("result %.0f %.0f %d\n", summary.requests / (summary.duration / 1e6),
                         latency:percentile(99),
                         errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
