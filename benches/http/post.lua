-- For wrk: posts the lines of a file as JSON bodies, one after the other, from the top again when it ends.
-- wrk ... -s post.lua URL -- FILE
local requests = {}
local next_one = 0

function init(arguments)
  local headers = { ["Content-Type"] = "application/json" }
  for line in io.lines(arguments[1]) do
    requests[#requests + 1] = wrk.format("POST", wrk.path, headers, line)
  end
end

function request()
  next_one = next_one % #requests + 1
  return requests[next_one]
end
