-- For wrk: posts bodies out of a file, one after the other, from the top again when it ends; some lines of it each. A vertical tab
-- in a line becomes a line break: mails have a different number of lines each.
-- Prints the latency that 999 of 1,000 requests do not exceed, in the form of wrk's own lines.
-- wrk ... -s post.lua URL -- FILE MEDIA_TYPE LINES
local requests = {}
local next_one = 0

function init(arguments)
  local headers = { ["Content-Type"] = arguments[2] }
  local body = {}
  for line in io.lines(arguments[1]) do
    body[#body + 1] = line:gsub("\v", "\n")
    if #body == tonumber(arguments[3]) then
      requests[#requests + 1] = wrk.format("POST", wrk.path, headers, table.concat(body, "\n"))
      body = {}
    end
  end
end

function request()
  next_one = next_one % #requests + 1
  return requests[next_one]
end

function done(summary, latency)
  io.write(string.format("99.9%% %.2fms\n", latency:percentile(99.9) / 1000))
end
