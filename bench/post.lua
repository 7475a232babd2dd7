-- Posts requests in turn, over and over: wrk … -s post.lua URL -- FILE PAUSE [once]
-- The file has, for each request, lines "name: value" of its headers, "body: …" and an empty line. Each connection pauses for PAUSE
-- milliseconds on average between an answer and the next request. With `once`, the run ends when as many answers as there are
-- requests have arrived; the requests that are in flight then are not counted.
-- What it counted goes to standard output as one line of JSON.

local ffi = require("ffi")
ffi.cdef [[
  typedef struct { long seconds; long microseconds; } bench_time;
  int gettimeofday(bench_time *time, void *zone);
]]

local requests, at, answers, once, threads = {}, 0, 0, false, {}

-- When the first request was sent and the last answer arrived; the threads' own.
began, ended = 0, 0

local function now()
  local time = ffi.new("bench_time")
  ffi.C.gettimeofday(time, nil)
  return tonumber(time.seconds) * 1e6 + tonumber(time.microseconds)
end

function setup(thread)
  threads[1] = thread
end

function init(args)
  local pause = tonumber(args[2])
  if pause > 0 then
    -- A whole number each time, in the mean the pause.
    delay = function() return math.floor(2 * pause * math.random() + 0.5) end
  end
  once = args[3] == "once"
  local headers, body = {}, nil
  for line in io.lines(args[1]) do
    if line == "" then
      requests[#requests + 1] = wrk.format("POST", nil, headers, body)
      headers, body = {}, nil
    else
      local name, value = line:match("^([^:]+): (.*)$")
      if name == "body" then body = value else headers[name] = value end
    end
  end
  if once then
    response = function()
      answers = answers + 1
      ended = now()
      if answers == #requests then wrk.thread:stop() end
    end
  end
end

function request()
  if once and began == 0 then began = now() end
  at = at % #requests + 1
  return requests[at]
end

function done(summary, latency, _)
  local errors = summary.errors
  -- wrk goes on waiting after the last request of a batch.
  local batch = threads[1]:get("ended") - threads[1]:get("began")
  io.write(string.format(
    '{"requests":%d,"microseconds":%d,"p50":%d,"p99":%d,"p99.9":%d,"refused":%d,"lost":%d}\n',
    summary.requests, batch > 0 and batch or summary.duration, latency:percentile(50), latency:percentile(99), latency:percentile(99.9),
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
