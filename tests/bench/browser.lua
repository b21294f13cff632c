-- Browser-like requests for wrk: twelve fields, about 1 KB. The first argument chooses the kind:
--   same    every request is the same, as most benchmarks do it
--   varied  query, cookie and referer differ in every request, so no cache of parsed heads can answer
--   close   one request per connection
-- The second argument, if any, is the path. `{n}` becomes a number that never repeats.

local function head(kind, path)
  local n = kind == "varied" and "{n}" or "10000001"
  return table.concat({
    "GET " .. path .. "?v=" .. n .. "&lang=en HTTP/1.1",
    "Host: app.example.com",
    "Connection: " .. (kind == "close" and "close" or "keep-alive"),
    'sec-ch-ua: "Chromium";v="131", "Not_A Brand";v="24", "Google Chrome";v="131"',
    "User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8",
    "Sec-Fetch-Site: same-origin",
    "Sec-Fetch-Mode: navigate",
    "Sec-Fetch-Dest: document",
    "Referer: https://app.example.com/app/items?page=" .. n,
    "Accept-Encoding: gzip, deflate, br, zstd",
    "Accept-Language: en-GB,en;q=0.9,de;q=0.8,fr;q=0.7",
    "Cookie: session=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N; theme=dark; "
      .. "_ga=GA1.1.1234567890.1700000000; seen=" .. n,
    "", "",
  }, "\r\n")
end

local function split(text, mark)
  local parts, from = {}, 1
  while true do
    local first, last = string.find(text, mark, from, true)
    parts[#parts + 1] = string.sub(text, from, first and first - 1)
    if not first then return parts end
    from = last + 1
  end
end

local parts, counter

function init(args)
  local kind, path = args[1] or "same", args[2] or "/app/items/42"
  parts = split(head(kind, path), "{n}")
  counter = 10000000
  if #parts == 1 then
    local whole = parts[1]
    request = function() return whole end
  end
end

function request()
  counter = counter + 1
  return table.concat(parts, tostring(counter))
end

function done(summary, latency, _)
  local e = summary.errors
  io.write(string.format(
    "bench requests=%d microseconds=%d p50=%d p99=%d failed_connections=%d failed_transfers=%d timeouts=%d bad_status=%d\n",
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    e.connect, e.read + e.write, e.timeout, e.status))
end
