"""Scripts that run inside the server.

Redis does not roll a script back, so each one checks before it writes. The answer of the append script
is + if the stream did not exist yet, otherwise -, followed by one letter per event: n new, e edit, x delete,
d duplicate.
"""

from __future__ import annotations

__all__ = [
    "APPEND",
    "EXPIRE_IDS",
    "LAST",
    "MARK",
    "OPEN_SCOPE",
    "PUBLISH",
    "RATE_LIMIT",
    "REGISTER",
    "RESET",
    "SEND",
    "SNAPSHOT",
    "TAKE",
    "TRIM",
    "TRIM_TO_SIZE",
]

# KEYS events seen state
# ARGV scope fence known cursor earliest careful batch forgotten [before after]
# A cursor is prefixed by '=', or empty if there is none; `known` is the one that the batch follows,
# '-' if there must be none, empty if it does not matter.
# The batch is a MessagePack array {ids, origins, packets, received}: packed and unpacked in C on
# both sides, it costs half of as many arguments. An origin is day|op|edited|seq|file|producer|rev.
# `careful` is 1 if an id may occur twice in the batch or something is deleted. A normal batch, all
# new, takes one HMGET, the XADDs and one HSET.
# `before` is the link left by the previous call if it succeeded, `after` the link to leave.
# The answer is R if events are older than the mark and their times were not sent, F if `forgotten`,
# the version of the erasure marks that the writer knows, is not the bucket's.
APPEND = """
local events, seen, state = KEYS[1], KEYS[2], KEYS[3]
local call = redis.call
local held = call('HMGET', state, 'mark', 'fence:' .. ARGV[1], 'chain:' .. ARGV[1], 'forgotten')
if ARGV[1] ~= '' and held[2] ~= ARGV[2] then return redis.error_reply('FENCED ' .. ARGV[1]) end
if ARGV[9] and ARGV[9] ~= '' and held[3] ~= ARGV[9] then return redis.error_reply('BROKEN ' .. ARGV[9]) end
if ARGV[3] ~= '' then
  -- a server that lost its newest entries has an older cursor; after a lost answer it has the new one
  local stored = call('HGET', state, 'cursor:' .. ARGV[1])
  stored = stored and '=' .. stored or '-'
  if stored ~= ARGV[3] and stored ~= ARGV[4] then return redis.error_reply('BEHIND ' .. ARGV[1]) end
end
local batch = cmsgpack.unpack(ARGV[7])
local ids, origins, packets, received = batch[1], batch[2], batch[3], nil
local n, mark = #ids, tonumber(held[1] or '0')
if n > 0 and held[4] and held[4] ~= ARGV[8] then return 'F' end
if n > 0 and tonumber(ARGV[5]) < mark then
  received = batch[4]
  if not received then return 'R' end
end

local function parts(origin)
  return string.match(origin, '^%d+|(%l)|(%d+)|(%d+)|(%d)|([^|]*)|(.*)$')
end
local function judge(old, origin)
  local op, edited, seq, file, producer, rev = parts(origin)
  if not old then return op == 'd' and 'x' or 'n' end
  local oop, oedited, oseq, _, oproducer, orev = parts(old)
  if rev == orev or file == '1' or oop == 'd' then return 'd' end
  if op == 'd' then return 'x' end
  edited, oedited, seq, oseq = tonumber(edited), tonumber(oedited), tonumber(seq), tonumber(oseq)
  if edited > oedited then return 'e' end
  local later = seq > oseq or (seq == 0 and oseq == 0)
  if edited == oedited and producer == oproducer and later then return 'e' end
  return 'd'
end

local fresh = call('EXISTS', events) == 0
local verdicts, learnt, k, mine = {}, {}, 0, {}
if n > 0 then
  local known, careful = call('HMGET', seen, unpack(ids)), ARGV[6] == '1'
  for i = 1, n do
    local old, verdict = known[i], 'n'
    if careful then old = mine[ids[i]] or old end
    if old or careful then verdict = judge(old, origins[i]) end
    if verdict ~= 'd' then
      if received and received[i] < mark then
        call('XADD', events, '*', 'e', packets[i], 'r', string.format('%.0f', mark))
      else
        call('XADD', events, '*', 'e', packets[i])
      end
      if careful then mine[ids[i]] = origins[i] end
      learnt[k + 1], learnt[k + 2] = ids[i], origins[i]
      k = k + 2
    end
    verdicts[i] = verdict
  end
  if k > 0 then call('HSET', seen, unpack(learnt)) end
end
if ARGV[10] then
  if ARGV[10] ~= '' then call('HSET', state, 'chain:' .. ARGV[1], ARGV[10])
  else call('HDEL', state, 'chain:' .. ARGV[1]) end
end
if ARGV[4] ~= '' then call('HSET', state, 'cursor:' .. ARGV[1], string.sub(ARGV[4], 2)) end
return (fresh and '+' or '-') .. table.concat(verdicts)
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

# KEYS events seen state; ARGV epoch reason: does nothing if the epoch has begun already
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

# KEYS: events, state; ARGV: n (most entries), end (id of the last entry to read; '0-0': the newest)
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
      if item[2][1] == 'x' and string.match(item[2][2], '^%d+|') then whole = 1 break end
      if item[2][1] == 'e' and #found < want then found[#found + 1] = item end
      top = '(' .. item[1]
    end
  end
end
return {last, state[1] or '0', state[2] or '0', whole, found}
"""

# KEYS events state; ARGV milliseconds: drop older entries that the recorder has committed
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

# KEYS events state; ARGV n: drop up to n of the oldest entries that the recorder has committed (any entries
# if there is no recorder) → their exact number
TRIM_TO_SIZE = """
local recorder = redis.call('HGET', KEYS[2], 'recorder')
local page = redis.call('XRANGE', KEYS[1], '-', recorder or '+', 'COUNT', ARGV[1])
if #page == 0 then return 0 end
local last = page[#page][1]
redis.call('HSET', KEYS[2], 'low', last)
local ms, n = string.match(last, '^(%d+)-(%d+)$')
return redis.call('XTRIM', KEYS[1], 'MINID', ms .. '-' .. string.format('%.0f', tonumber(n) + 1))
"""

# KEYS budget; ARGV microseconds per request, burst, requests, microseconds of a pause, ask
# → microseconds until a request is permitted; then nothing is taken
RATE_LIMIT = """
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local state = redis.call('HMGET', KEYS[1], 'due', 'held')
local due, held = math.max(tonumber(state[1] or '0'), now), tonumber(state[2] or '0')
if tonumber(ARGV[4]) > 0 then held = math.max(held, now + tonumber(ARGV[4])) end
if ARGV[5] == '1' then
  local wait = math.max(held, due - ARGV[1] * (ARGV[2] - 1)) - now
  if wait > 0 then return wait end
end
due = due + ARGV[1] * ARGV[3]
redis.call('HSET', KEYS[1], 'due', string.format('%.0f', due), 'held', string.format('%.0f', held))
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', (math.max(due, held) - now) / 1000 + 1000))
return 0
"""

# KEYS seen; ARGV cursor day → next cursor: drop ids whose newest revision is older than the day
EXPIRE_IDS = """
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

_OUTBOX = """
local box, taken, keys, state, dead = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local call = redis.call
local time = call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local function born(id) return tonumber(string.match(id, '^%d+')) end
local function bury(scope, text, reason)
  call('XADD', dead, 'MAXLEN', '~', 10000, '*', 'source', 'outbox', 'scope', scope, 'reason', reason,
       'raw', text, 'at', time[1] .. string.format('%06d', tonumber(time[2])))
  call('HINCRBY', state, 'dead', 1)
end
"""

# KEYS outbox taken outkeys state dead; ARGV scope key packet cap age lapsed → entry id, or FULL
# Packets that waited too long make room; keys are kept for a day and cleaned at every thousandth.
SEND = (
    _OUTBOX
    + """
local name = #ARGV[1] .. '|' .. ARGV[1] .. '|' .. ARGV[2]
local known = call('HGET', keys, name)
if known then return known end
if call('XLEN', box) >= tonumber(ARGV[4]) then
  for _, item in ipairs(call('XRANGE', box, '-', '+')) do
    if now - born(item[1]) > tonumber(ARGV[5]) then
      bury(item[2][2], item[2][6], ARGV[6])
      call('XDEL', box, item[1])
    end
  end
  if call('XLEN', box) >= tonumber(ARGV[4]) then return 'FULL' end
end
local id = call('XADD', box, '*', 's', ARGV[1], 'k', ARGV[2], 'p', ARGV[3])
call('HSET', keys, name, id)
if call('HLEN', keys) % 1000 == 0 then
  local all = call('HGETALL', keys)
  for i = 1, #all, 2 do
    if now - born(all[i + 1]) > 86400000 then call('HDEL', keys, all[i]) end
  end
end
return id
"""
)

# KEYS outbox taken outkeys state dead; ARGV scope fence n age begin lapsed left
# → last entry id, {id key packet lapsed}
TAKE = (
    _OUTBOX
    + """
if call('HGET', state, 'fence:' .. ARGV[1]) ~= ARGV[2] then return redis.error_reply('FENCED ' .. ARGV[1]) end
local found = {}
if ARGV[5] == '1' then
  local left = call('HGETALL', taken)
  for i = 1, #left, 2 do
    local was = cmsgpack.unpack(left[i + 1])
    if was[1] == ARGV[1] then
      bury(was[1], was[3], ARGV[7])
      call('HDEL', taken, left[i])
      found[#found + 1] = {left[i], was[2], was[3], ARGV[7]}
    end
  end
end
local last, wanted = '0-0', tonumber(ARGV[3])
if call('EXISTS', box) == 1 then
  local info = call('XINFO', 'STREAM', box)
  for i = 1, #info, 2 do if info[i] == 'last-generated-id' then last = info[i + 1] end end
  for _, item in ipairs(call('XRANGE', box, '-', '+')) do
    local id, scope, key, text = item[1], item[2][2], item[2][4], item[2][6]
    if scope == ARGV[1] then
      if now - born(id) > tonumber(ARGV[4]) then
        bury(scope, text, ARGV[6])
        call('XDEL', box, id)
        found[#found + 1] = {id, key, text, ARGV[6]}
      elseif wanted > 0 then
        wanted = wanted - 1
        call('XDEL', box, id)
        call('HSET', taken, id, cmsgpack.pack({scope, key, text}))
        found[#found + 1] = {id, key, text, ''}
      end
    end
  end
end
return {last, found}
"""
)
