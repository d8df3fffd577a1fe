-- Confirmations of transfers for wrk, each with an id of its own.
-- Arguments: kind (single or bulk), bearer key, file of "account number<TAB>memo" lines, prefix of
-- the ids, when they happened, items a request, and hot or uniform.

local kind, key, prefix, occurred_at, items, shape
local accounts = {}
local number = 0

function init(arguments)
  local file
  kind, key, file, prefix, occurred_at, items, shape = unpack(arguments)
  items = tonumber(items)
  for line in io.lines(file) do
    local account_no, memo = line:match("^(%d+)\t(.*)$")
    accounts[#accounts + 1] = { account_no, memo }
  end
  math.randomseed(tonumber(prefix:match("%d+")))
end

local function confirmation(id, reference)
  local account = shape == "hot" and accounts[1] or accounts[math.random(#accounts)]
  return string.format(
    '{%s"amount_vnd":45000,"occurred_at":"%s","account_no":"%s","bank_bin":"BANK_BIN","memo":"%s",'
      .. '"reference":"%s"}',
    id, occurred_at, account[1], account[2], reference)
end

function request()
  local headers = { ["Authorization"] = "Bearer " .. key, ["Content-Type"] = "application/json" }
  if kind == "single" then
    number = number + 1
    headers["Idempotency-Key"] = prefix .. "-" .. number
    return wrk.format("POST", nil, headers, confirmation("", prefix .. number))
  end
  local parts = {}
  for index = 1, items do
    number = number + 1
    parts[index] = confirmation(string.format('"id":"%s-%d",', prefix, number), prefix .. number)
  end
  return wrk.format("POST", nil, headers, "[" .. table.concat(parts, ",") .. "]")
end

function done(summary, latency, requests)
  local lost = summary.errors.connect + summary.errors.read + summary.errors.write
    + summary.errors.timeout
  io.write(string.format(
    '\n{"requests":%d,"refused":%d,"lost":%d,"seconds":%.6f,"p50_ms":%.4f,"p99_ms":%.4f}\n',
    summary.requests, summary.errors.status, lost, summary.duration / 1e6,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
