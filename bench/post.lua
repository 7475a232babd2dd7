-- Posts requests in turn, over and over: wrk … -s post.lua URL -- FILE [once]
-- The file has, for each request, lines "name: value" of its headers, "body: …" and an empty line. With `once`, the run ends when
-- as many answers as there are requests have arrived; the requests that are in flight then are not counted.
-- What it counted goes to standard output as one line of JSON.

local requests, at, answers, once = {}, 0, 0, false

function init(args)
  once = args[2] == "once"
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
      if answers == #requests then wrk.thread:stop() end
    end
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end

function done(summary, latency, _)
  local errors = summary.errors
  io.write(string.format(
    '{"requests":%d,"microseconds":%d,"p50":%d,"p99":%d,"p99.9":%d,"refused":%d,"lost":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), latency:percentile(99.9),
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
