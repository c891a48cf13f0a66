/** Scripts that run inside a server. They only read, save `moveOut`, which runs in a server of ours. */

/**
 * ARGV: cursor. Returns the next cursor and a line for each key that never expires: SHA-1 of its name, and of its type and value in a
 * form that does not depend on how the server keeps it. Sorted are hexadecimal digits only: text sorts by the server's locale.
 */
export const digestPage = `
local function sized(list)
  local parts = {}
  for i, item in ipairs(list) do local text = tostring(item) parts[i] = #text .. ':' .. text end
  return table.concat(parts, ' ')
end
local function pairwise(list)
  local joined = {}
  for i = 1, #list, 2 do joined[#joined + 1] = redis.sha1hex(sized({list[i], list[i + 1]})) end
  table.sort(joined)
  return joined
end
local function fields(list, wanted)
  local found = {}
  for i = 1, #list, 2 do if wanted[list[i]] then found[#found + 1] = list[i] found[#found + 1] = list[i + 1] end end
  return sized(pairwise(found))
end
local function stream(key)
  local parts = {}
  for _, entry in ipairs(redis.call('XRANGE', key, '-', '+')) do parts[#parts + 1] = entry[1] parts[#parts + 1] = sized(entry[2]) end
  parts[#parts + 1] = fields(redis.call('XINFO', 'STREAM', key), {['last-generated-id'] = true})
  local groups = {}
  for _, group in ipairs(redis.call('XINFO', 'GROUPS', key)) do
    local about = fields(group, {name = true, pending = true, ['last-delivered-id'] = true})
    local name
    for i = 1, #group, 2 do if group[i] == 'name' then name = group[i + 1] end end
    local consumers = {}
    for _, one in ipairs(redis.call('XINFO', 'CONSUMERS', key, name)) do
      consumers[#consumers + 1] = redis.sha1hex(fields(one, {name = true, pending = true}))
    end
    table.sort(consumers)
    groups[#groups + 1] = redis.sha1hex(sized({about, sized(consumers)}))
  end
  table.sort(groups)
  parts[#parts + 1] = sized(groups)
  return sized(parts)
end
local function value(key, kind)
  if kind == 'string' then return redis.call('GET', key) or '' end
  if kind == 'list' then return sized(redis.call('LRANGE', key, 0, -1)) end
  if kind == 'zset' then return sized(redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')) end
  if kind == 'hash' then return sized(pairwise(redis.call('HGETALL', key))) end
  if kind == 'stream' then return stream(key) end
  if kind == 'set' then
    local members = redis.call('SMEMBERS', key)
    for i, member in ipairs(members) do members[i] = redis.sha1hex(member) end
    table.sort(members)
    return sized(members)
  end
  return redis.call('DUMP', key) or ''
end
local page = redis.call('SCAN', ARGV[1], 'COUNT', 250)
local lines = {page[1]}
for _, key in ipairs(page[2]) do
  if redis.call('PTTL', key) == -1 then
    local kind = redis.call('TYPE', key).ok
    lines[#lines + 1] = redis.sha1hex(key) .. ' ' .. redis.sha1hex(kind .. ' ' .. value(key, kind))
  end
end
return lines`;

/**
 * ARGV: database, pattern, REPLACE or nothing, the database in which it keeps where it is. Returns some 8 MiB of RESTORE commands in
 * the server's protocol, the first page behind a SELECT. What it keeps: `cursor`, `pending` names, `sent` commands, `more`.
 */
export const moveOut = `
local database, pattern, replace, state = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local function protocol(list)
  local parts = {'*' .. #list}
  for _, item in ipairs(list) do parts[#parts + 1] = '$' .. #item parts[#parts + 1] = item end
  return table.concat(parts, '\\r\\n') .. '\\r\\n'
end
local function expiry(key)
  local left = redis.call('PTTL', key)
  if left < 0 then return '0' end
  local exact = redis.pcall('PEXPIRETIME', key)
  if type(exact) == 'number' then return string.format('%.0f', exact) end
  local now = redis.call('TIME')
  return string.format('%.0f', now[1] * 1000 + math.floor(now[2] / 1000) + left)
end
if redis.replicate_commands then redis.replicate_commands() end
redis.call('SELECT', state)
local cursor = redis.call('GET', 'cursor')
local out, size, sent = {}, 0, 0
if not cursor then out[1] = protocol({'SELECT', database}) sent = 1 end
while size < 8388608 do
  redis.call('SELECT', state)
  local key = redis.call('LPOP', 'pending')
  if key then
    redis.call('SELECT', database)
    local payload = redis.call('DUMP', key)
    if payload then
      local command = {'RESTORE', key, expiry(key), payload, 'ABSTTL'}
      if replace ~= '' then command[#command + 1] = replace end
      out[#out + 1] = protocol(command)
      size = size + #payload + #key
      sent = sent + 1
    end
  elseif cursor == '0' then break
  else
    redis.call('SELECT', database)
    local page = redis.call('SCAN', cursor or '0', 'MATCH', pattern, 'COUNT', 500)
    cursor = page[1]
    redis.call('SELECT', state)
    redis.call('SET', 'cursor', cursor)
    for _, found in ipairs(page[2]) do redis.call('RPUSH', 'pending', found) end
  end
end
redis.call('SELECT', state)
redis.call('INCRBY', 'sent', sent)
local more = cursor ~= '0' or redis.call('EXISTS', 'pending') == 1
redis.call('SET', 'more', more and 'yes' or 'no')
return out`;

/** ARGV: pattern, cursor. Deletes what matches in the live server; returns the next cursor. */
export const clearPage = `
local page = redis.call('SCAN', ARGV[2], 'MATCH', ARGV[1], 'COUNT', 500)
for _, key in ipairs(page[2]) do redis.call('UNLINK', key) end
return page[1]`;
