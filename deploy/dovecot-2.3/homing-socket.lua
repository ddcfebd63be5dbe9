-- Asks Homing over a kept connection by LuaSocket: what auth.lua uses where that is installed (Debian: lua-socket).
--
-- Dovecot's own HTTP client makes an event loop and a dozen objects for each question; a plain socket does with a write and a
-- read, in half the CPU time. It is for http:// at an address: names, TLS and lists of users are left to Dovecot.

local socket = ...

local CONNECT_SECONDS = 0.5
local MOST_BYTES = 262144 -- of an answer: far more than the fields of an account
local NO_ANSWER = 9000 -- as Dovecot's own client has it: from here on nobody answered

-- A reader is { link, give_up_at, text }: what a connection has brought so far, which grows by read_more().
local function read_more(reader)
  local link, left = reader.link, reader.give_up_at - socket.gettime()
  if left <= 0 then error('timeout', 0) end
  link:settimeout(left)
  local first, problem = link:receive(1)
  if not first then error(problem, 0) end
  link:settimeout(0)
  local all, _, some = link:receive(MOST_BYTES)
  reader.text = reader.text .. first .. (all or some)
  if #reader.text > MOST_BYTES then error('too long an answer', 0) end
end

local function find(reader, what, from)
  local at = reader.text:find(what, from, true)
  while not at do
    read_more(reader)
    at = reader.text:find(what, from, true)
  end
  return at
end

local function sub(reader, from, to)
  while #reader.text < to do read_more(reader) end
  return reader.text:sub(from, to)
end

-- `head` is in lower case, with a line end before and behind each line.
local function header(head, name)
  local _, ends = head:find('\r\n' .. name .. ':', 1, true)
  if not ends then return nil end
  if head:find('\r\n' .. name .. ':', ends, true) then error('an answer with two ' .. name, 0) end
  return head:match('^[ \t]*([^\r\n]-)[ \t]*\r\n', ends + 1)
end

-- Returns the payload, and where it ends.
local function read_chunks(reader, from)
  local chunks = {}
  while true do
    local line_ends = find(reader, '\r\n', from)
    local size = tonumber(sub(reader, from, line_ends - 1):match('^%x+'), 16)
    if not size or size > MOST_BYTES then error('a broken chunk', 0) end
    local ends = line_ends + 1 + size
    if sub(reader, ends + 1, ends + 2) ~= '\r\n' then error('a broken chunk', 0) end
    if size == 0 then return table.concat(chunks), ends + 2 end
    chunks[#chunks + 1] = sub(reader, line_ends + 2, ends)
    from = ends + 3
  end
end

-- What the head of an answer says: status, reason, whether the connection stays, whether the payload comes in chunks or how
-- long it is, and the seconds of Retry-After. Throws what is no sound head.
local function parse_head(text)
  local status, reason = text:match('^HTTP/1%.1 (%d%d%d) ?([^\r\n]*)\r\n')
  if not status then error('an answer that is not HTTP/1.1', 0) end
  status = tonumber(status)
  if status < 200 then return { status = status } end
  local head = text:lower()
  local coding, length = header(head, 'transfer-encoding'), header(head, 'content-length')
  if coding and (coding ~= 'chunked' or length) or not coding and (not length or not length:find('^%d%d?%d?%d?%d?%d?$')) then
    error('an answer of unknown length', 0)
  end
  return {
    status = status,
    reason = reason,
    is_kept = header(head, 'connection') ~= 'close',
    length = tonumber(length), -- nil: in chunks
    again_after = tonumber((header(head, 'retry-after') or ''):match('^%d+$')),
  }
end

-- Answers of a second have few heads between them, and reading one takes longer than all the rest.
local MOST_HEADS = 100
local heads, heads_count = {}, 0

local function head_of(text)
  local head = heads[text]
  if not head then
    head = parse_head(text)
    if heads_count == MOST_HEADS then heads, heads_count = {}, 0 end
    heads[text], heads_count = head, heads_count + 1
  end
  return head
end

-- Returns the head and the payload; throws what is no whole and sound answer.
local function read_answer(link, give_up_at)
  local reader = { link = link, give_up_at = give_up_at, text = '' }
  local from, head = 1, nil
  repeat
    local head_ends = find(reader, '\r\n\r\n', from)
    head = head_of(reader.text:sub(from, head_ends + 1))
    from = head_ends + 4
  until head.status >= 200 -- 1xx: the answer is yet to come
  local payload, ends
  if head.length then
    ends = from - 1 + head.length
    payload = sub(reader, from, ends)
  else
    payload, ends = read_chunks(reader, from)
  end
  if #reader.text > ends then error('more than was asked for', 0) end
  return head, payload
end

-- What asks at this URL, or nil if it is none for this: ask(path, headers, body, patience). It returns status, reason and
-- payload; a status from 9000 on says that there was no answer, and the reason why.
return function(url)
  local host, port = url:match('^http://([%w.]+):?(%d*)/?$')
  -- A name would have to be looked up, and LuaSocket waits for that as long as it takes.
  if not host or not (host == 'localhost' or host:find('^%d+%.%d+%.%d+%.%d+$')) then return nil end
  port = tonumber(port) or 80
  local kept

  local function connect()
    local link = socket.tcp()
    link:settimeout(CONNECT_SECONDS)
    local done, problem = link:connect(host, port)
    if not done then
      link:close()
      error(problem, 0)
    end
    link:setoption('tcp-nodelay', true)
    return link
  end

  -- The connection that was kept, unless it was closed meanwhile, or something came on it that nobody asked for.
  local function take_kept()
    local link = kept
    kept = nil
    if not link then return nil end
    local byte, state = link:receive(1)
    if not byte and state == 'timeout' then return link end
    link:close()
    return nil
  end

  local function exchange(link, request, give_up_at)
    link:settimeout(give_up_at - socket.gettime())
    local sent, problem = link:send(request)
    if not sent then error(problem, 0) end
    return read_answer(link, give_up_at)
  end

  -- Returns the head of the answer and its payload; or nil and the reason why there is none.
  local function try(request, give_up_at)
    local link = take_kept()
    local done, head, payload
    if not link then
      done, link = pcall(connect)
      if not done then return nil, link end
    end
    done, head, payload = pcall(exchange, link, request, give_up_at)
    if not done then
      link:close()
      return nil, head
    end
    if head.is_kept then kept = link else link:close() end
    return head, payload
  end

  return function(path, headers, body, patience)
    local request = 'POST ' .. path .. ' HTTP/1.1\r\nHost: ' .. host .. ':' .. port .. '\r\n' .. headers
      .. 'Content-Length: ' .. #body .. '\r\n\r\n' .. body
    local now = socket.gettime()
    local over_at = now + patience.all / 1000
    local problem
    -- A connection that was kept may be closed just now: that one is no try.
    for attempt = kept and 0 or 1, 2 do
      local give_up_at = math.min(over_at, now + patience.once / 1000)
      local head, payload = try(request, give_up_at)
      if head and head.status == 200 then return 200, head.reason, payload end
      now = socket.gettime()
      if not head then
        problem = payload
        if now >= over_at then break end
      else
        -- Homing says when to come again where that is worth it: a hash that took too long is computed by then.
        local again_after = head.status == 503 and head.again_after
        if not again_after or attempt == 2 or now + again_after >= over_at then
          return head.status, head.reason, payload
        end
        socket.sleep(again_after)
        now = socket.gettime()
      end
    end
    return NO_ANSWER, problem
  end
end
