"""The scripts that run inside the server.

Redis does not roll a script back, so each one checks before it writes. The answer of the
append script is + where the stream did not exist yet, otherwise -, and then a letter an event:
n new, e edit, x delete, d duplicate.
"""

from __future__ import annotations

__all__ = [
    "APPEND",
    "FORGET",
    "LAST",
    "MARK",
    "OPEN_SCOPE",
    "PUBLISH",
    "REGISTER",
    "RESET",
    "SNAPSHOT",
    "TRIM",
]

# KEYS events seen state
# ARGV scope fence has_cursor cursor n earliest received(comma separated), n ids, n origins, n packets
# An origin is rev|op|edited|seq|file|producer. The one pass over known ids (HMGET) and the one
# write of what is learnt (HSET) are what makes this faster than a pipeline of XADDs.
APPEND = """
local events, seen, state = KEYS[1], KEYS[2], KEYS[3]
local scope, n = ARGV[1], tonumber(ARGV[5])
if scope ~= '' then
  local fence = redis.call('HGET', state, 'fence:' .. scope)
  if fence ~= ARGV[2] then return redis.error_reply('FENCED ' .. scope) end
end
local fresh = redis.call('EXISTS', events) == 0
local told = {}
if n > 0 then
  local first = 7
  local ids = {}
  for i = 1, n do ids[i] = ARGV[first + i] end
  local known = redis.call('HMGET', seen, unpack(ids))
  local mark, received = redis.call('HGET', state, 'mark'), nil
  if mark and tonumber(ARGV[6]) < tonumber(mark) then
    received = {}
    for us in string.gmatch(ARGV[7], '[^,]+') do received[#received + 1] = tonumber(us) end
    mark = tonumber(mark)
  end
  local learnt, mine = {}, {}
  for i = 1, n do
    local id, origin = ids[i], ARGV[first + n + i]
    local old = mine[id] or known[i]
    local verdict = 'n'
    if old then
      local orev, oop, oedited, oseq, ofile, oproducer =
        string.match(old, '^[^|]*|([^|]*)|(%l)|(%d+)|(%d+)|(%d)|(.*)$')
      local rev, op, edited, seq, file, producer =
        string.match(origin, '^([^|]*)|(%l)|(%d+)|(%d+)|(%d)|(.*)$')
      verdict = 'd'
      if rev ~= orev and file == '0' and oop ~= 'd' then
        local e, oe, s, os = tonumber(edited), tonumber(oedited), tonumber(seq), tonumber(oseq)
        if op == 'd' then verdict = 'x'
        elseif e > oe then verdict = 'e'
        elseif e == oe and producer == oproducer and (s > os or (s == 0 and os == 0)) then verdict = 'e' end
      end
    elseif string.find(origin, '^[^|]*|d|') then verdict = 'x' end
    if verdict ~= 'd' then
      local packet, entry = ARGV[first + 2 * n + i], nil
      if received and received[i] < mark then
        entry = redis.call('XADD', events, '*', 'e', packet, 'r', string.format('%.0f', mark))
      else
        entry = redis.call('XADD', events, '*', 'e', packet)
      end
      local now = entry .. '|' .. origin
      mine[id] = now
      learnt[#learnt + 1] = id
      learnt[#learnt + 1] = now
    end
    told[i] = verdict
  end
  if #learnt > 0 then redis.call('HSET', seen, unpack(learnt)) end
end
if ARGV[3] == '1' then redis.call('HSET', state, 'cursor:' .. scope, ARGV[4]) end
return (fresh and '+' or '-') .. table.concat(told)
"""

# KEYS state; ARGV scope
OPEN_SCOPE = """
local fence = redis.call('HINCRBY', KEYS[1], 'fence:' .. ARGV[1], 1)
return {fence, redis.call('HGET', KEYS[1], 'cursor:' .. ARGV[1])}
"""

# KEYS events state; ARGV microseconds
MARK = """
local mark = redis.call('HGET', KEYS[2], 'mark')
if mark and tonumber(mark) >= tonumber(ARGV[1]) then return 0 end
redis.call('HSET', KEYS[2], 'mark', ARGV[1])
redis.call('XADD', KEYS[1], '*', 'm', ARGV[1])
return 1
"""

# KEYS events seen state; ARGV epoch reason: nothing to do where the epoch has begun already
RESET = """
if tonumber(redis.call('HGET', KEYS[3], 'epoch') or '0') >= tonumber(ARGV[1]) then return 0 end
redis.call('XADD', KEYS[1], '*', 'x', ARGV[1] .. '|' .. ARGV[2])
redis.call('HSET', KEYS[3], 'epoch', ARGV[1])
redis.call('HDEL', KEYS[3], 'mark')
redis.call('DEL', KEYS[2])
return 1
"""

# KEYS bucketset buckets epoch; ARGV bucket → the epoch that the bucket must have begun
REGISTER = """
if redis.call('SADD', KEYS[1], ARGV[1]) == 1 then redis.call('XADD', KEYS[2], '*', 'b', ARGV[1]) end
return redis.call('GET', KEYS[3]) or '0'
"""

# KEYS events state → last entry id, mark, epoch
LAST = """
local last = '0-0'
if redis.call('EXISTS', KEYS[1]) == 1 then
  local info = redis.call('XINFO', 'STREAM', KEYS[1])
  for i = 1, #info, 2 do if info[i] == 'last-generated-id' then last = info[i + 1] end end
end
local state = redis.call('HMGET', KEYS[2], 'mark', 'epoch')
return {last, state[1] or '0', state[2] or '0'}
"""

# KEYS events state; ARGV n, end ('0-0': the last entry)
# → last entry id, mark, epoch, 1 if everything of this epoch is in it, packets (newest first)
SNAPSHOT = """
local last = '0-0'
if redis.call('EXISTS', KEYS[1]) == 1 then
  local info = redis.call('XINFO', 'STREAM', KEYS[1])
  for i = 1, #info, 2 do if info[i] == 'last-generated-id' then last = info[i + 1] end end
end
local state = redis.call('HMGET', KEYS[2], 'mark', 'epoch')
local want, before, found, whole = tonumber(ARGV[1]), ARGV[2], {}, 1
if before == '0-0' then before = last end
if want > 0 then
  whole = 0
  local top = before
  while whole == 0 and #found < want do
    local page = redis.call('XREVRANGE', KEYS[1], top, '-', 'COUNT', want - #found + 10)
    if #page == 0 then whole = 1 end
    for _, item in ipairs(page) do
      if item[2][1] == 'x' then whole = 1 break end
      if item[2][1] == 'e' and #found < want then found[#found + 1] = item end
      top = '(' .. item[1]
    end
  end
end
return {last, state[1] or '0', state[2] or '0', whole, found}
"""

# KEYS events state; ARGV milliseconds: drop what is older, but nothing the recorder has not committed
TRIM = """
local min, recorder = ARGV[1] .. '-0', redis.call('HGET', KEYS[2], 'recorder')
local function key(id)
  local ms, n = string.match(id, '^(%d+)-(%d+)$')
  return tonumber(ms), tonumber(n)
end
if recorder then
  local rms, rn = key(recorder)
  if rms < tonumber(ARGV[1]) then
    min = string.match(recorder, '^%d+') .. '-' .. string.format('%.0f', rn + 1)
  end
end
local low = redis.call('XREVRANGE', KEYS[1], '(' .. min, '-', 'COUNT', 1)
if #low == 0 then return 0 end
redis.call('HSET', KEYS[2], 'low', low[1][1])
return redis.call('XTRIM', KEYS[1], 'MINID', min)
"""

# KEYS seen; ARGV cursor milliseconds → next cursor: forget ids whose newest revision is older
FORGET = """
local page = redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', 500)
local old = {}
for i = 1, #page[2], 2 do
  if tonumber(string.match(page[2][i + 1], '^%d+')) < tonumber(ARGV[2]) then old[#old + 1] = page[2][i] end
end
if #old > 0 then redis.call('HDEL', KEYS[1], unpack(old)) end
return page[1]
"""

# KEYS channel names; ARGV name payload → 1 if it is new
PUBLISH = """
if redis.call('SADD', KEYS[2], ARGV[1]) == 0 then return 0 end
redis.call('XADD', KEYS[1], '*', 'n', ARGV[1], 'p', ARGV[2])
return 1
"""
