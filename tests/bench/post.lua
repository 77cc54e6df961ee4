-- SPDX-License-Identifier: Apache-2.0
-- For wrk: POST of the file that BENCH_BODY names; the result as one line of JSON.
local file = assert(io.open(os.getenv("BENCH_BODY"), "rb"))
wrk.method = "POST"
wrk.body = file:read("*a")
wrk.headers["Content-Type"] = "application/json"
file:close()
local authorization = os.getenv("BENCH_AUTHORIZATION") or ""
if authorization ~= "" then
    wrk.headers["Authorization"] = authorization
end

-- Paths that are asked in turn.
local paths = {}
local asked = 0
local list = os.getenv("BENCH_PATHS") or ""
if list ~= "" then
    for path in io.lines(list) do
        paths[#paths + 1] = path
    end
    request = function()
        asked = asked % #paths + 1
        return wrk.format(nil, paths[asked])
    end
end

function done(summary, latency)
    local errors = summary.errors
    io.write(string.format(
        'BENCH {"requests": %d, "seconds": %.6f, "failed": %d, "p50_us": %d, "p99_us": %d, "max_us": %d}\n',
        summary.requests, summary.duration / 1e6,
        errors.connect + errors.read + errors.write + errors.status + errors.timeout,
        latency:percentile(50), latency:percentile(99), latency.max))
end
