-- Asks Homing over a kept connection by LuaSocket: what auth.lua uses where that is installed (Debian: lua-socket).
--
-- Dovecot's own HTTP client makes an event loop and a dozen objects for each question; a plain socket does with a write and a
-- read, in half the CPU time. It is for http:// at an address: names, TLS and lists of users are left to Dovecot.

local socket = ...

local CONNECT_SECONDS = 0.5
local MOST_BYTES = 262144 -- of an answer: far more than the fields of an account
local NO_ANSWER = 9000 -- as Dovecot's own client has it: from here on nobody answered

-- What a connection brings: `text`, which grows by more().
local function reader_of(link, give_up_at)
  local reader = { text = '' }
  function reader.more()
    local left = give_up_at - socket.gettime()
    if left <= 0 then error('timeout', 0) end
    link:settimeout(left)
    local first, problem = link:receive(1)
    if not first then error(problem, 0) end
    link:settimeout(0)
    local all, _, some = link:receive(MOST_BYTES)
    reader.text = reader.text .. first .. (all or some)
    if #reader.text > MOST_BYTES then error('too long an answer', 0) end
  end
  function reader.find(what, from)
    local at = reader.text:find(what, from, true)
    while not at do
      reader.more()
      at = reader.text:find(what, from, true)
    end
    return at
  end
  function reader.sub(from, to)
    while #reader.text < to do reader.more() end
    return reader.text:sub(from, to)
  end
  return reader
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
    local line_ends = reader.find('\r\n', from)
    local size = tonumber(reader.sub(from, line_ends - 1):match('^%x+'), 16)
    if not size or size > MOST_BYTES then error('a broken chunk', 0) end
    local ends = line_ends + 1 + size
    if reader.sub(ends + 1, ends + 2) ~= '\r\n' then error('a broken chunk', 0) end
    if size == 0 then return table.concat(chunks), ends + 2 end
    chunks[#chunks + 1] = reader.sub(line_ends + 2, ends)
    from = ends + 3
  end
end

local function read_payload(reader, head, from)
  local coding, length = header(head, 'transfer-encoding'), header(head, 'content-length')
  if coding then
    if coding ~= 'chunked' or length then error('an answer of unknown length', 0) end
    return read_chunks(reader, from)
  end
  if not length or not length:find('^%d+$') or #length > 6 then error('an answer of unknown length', 0) end
  local ends = from - 1 + tonumber(length)
  return reader.sub(from, ends), ends
end

-- Returns whether the connection can be kept, then status, reason, payload and the seconds of Retry-After, if it says so;
-- throws what is no whole and sound answer.
local function read_answer(link, give_up_at)
  local reader = reader_of(link, give_up_at)
  local head_ends, status, reason
  local from = 1
  repeat
    head_ends = reader.find('\r\n\r\n', from)
    status, reason = reader.text:match('^HTTP/1%.1 (%d%d%d) ?([^\r\n]*)\r\n', from)
    if not status then error('an answer that is not HTTP/1.1', 0) end
    local is_interim = status:byte() == 49 -- 1xx: the answer is yet to come
    if is_interim then from = head_ends + 4 end
  until not is_interim
  local head = reader.sub(from, head_ends + 1):lower()
  local payload, ends = read_payload(reader, head, head_ends + 4)
  if #reader.text > ends then error('more than was asked for', 0) end
  local again_after = tonumber((header(head, 'retry-after') or ''):match('^%d+$'))
  return header(head, 'connection') ~= 'close', tonumber(status), reason, payload, again_after
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
    link:settimeout(0)
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

  -- Returns whether there was an answer; then status, reason, payload and seconds, or else the reason alone.
  local function try(request, give_up_at)
    local link = take_kept()
    local done, is_kept, status, reason, payload, again_after
    if not link then
      done, link = pcall(connect)
      if not done then return false, link end
    end
    done, is_kept, status, reason, payload, again_after = pcall(exchange, link, request, give_up_at)
    if done and is_kept then kept = link else link:close() end
    if not done then return false, is_kept end
    return true, status, reason, payload, again_after
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
      local is_answered, status, reason, payload, again_after = try(request, give_up_at)
      now = socket.gettime()
      if is_answered then
        -- Homing says when to come again where that is worth it: a hash that took too long is computed by then.
        if status ~= 503 or not again_after or attempt == 2 or now + again_after >= over_at then
          return status, reason, payload
        end
        socket.sleep(again_after)
        now = socket.gettime()
      else
        problem = status
        if now >= over_at then break end
      end
    end
    return NO_ANSWER, problem
  end
end
