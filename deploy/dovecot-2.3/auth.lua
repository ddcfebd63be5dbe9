-- Asks Homing, for Dovecot 2.3 and 2.4 alike: who is this, may they log in, where is their mail?
--
-- Whatever is not a whole and sound answer is an internal failure. Dovecot then says "temporary failure, try
-- again"; it never says "wrong password", and nobody falls through to another mailbox.

-- Site values. Dovecot 2.4 can set them in lua_settings { url = ... } instead.
local url = 'http://127.0.0.1:8080'
local token = '' -- Homing's api_token; then: chown root:dovecot auth.lua; chmod 640 auth.lua
local luasocket = 'yes' -- 'no': ask by Dovecot's own HTTP client, also where LuaSocket is installed

local is_dovecot_24 -- set by script_init

-- What differs between the versions: 2.3 takes milliseconds as numbers, 2.4 setting values as text.
--
-- One question is over after 4.5 seconds, long before Dovecot gives up on it (60).
local function client_options(request_msecs, total_msecs)
  if is_dovecot_24 then
    return {
      connect_timeout = '500ms',
      request_timeout = request_msecs .. 'ms',
      request_absolute_timeout = total_msecs .. 'ms',
      request_max_attempts = '2',
      max_idle_time = '60s',
      auto_redirect = 'no',
      user_agent = 'dovecot-2.4 auth.lua',
    }
  end
  return {
    connect_timeout_msecs = 500,
    request_timeout_msecs = request_msecs,
    request_absolute_timeout_msecs = total_msecs,
    max_attempts = 2,
    max_idle_time_msecs = 60000,
    no_auto_redirect = true,
    user_agent = 'dovecot-2.3 auth.lua',
  }
end

-- Milliseconds for one try and for all of them.
local patience = { question = { once = 2000, all = 4500 }, list = { once = 30000, all = 30000 } }

-- After each refused connection Dovecot's HTTP client waits twice as long as before: for up to a minute in 2.3, for ever
-- longer in 2.4, whatever its setting for that says, and logins would stay away as long after Homing is back. It forgets
-- that when no client is left that knows the address: so all are given up when one has not reached Homing.
local clients = {}

local function client_for(what)
  if not clients[what] then
    collectgarbage()
    clients[what] = dovecot.http.client(client_options(patience[what].once, patience[what].all))
  end
  return clients[what]
end

-- What Homing is told of a login: its word for it, 2.3's and 2.4's. Names come first.
local told = {
  { 'user', 'user', 'user' },
  { 'login_user', 'login_user', 'login_user' },
  { 'master_user', 'master_user', 'master_user' },
  { 'protocol', 'service', 'protocol' },
  { 'mechanism', 'mech', 'mechanism' },
  { 'secured', 'secured', 'secured' },
  { 'remote_ip', 'rip', 'remote_ip' },
  { 'local_ip', 'lip', 'local_ip' },
  { 'real_remote_ip', 'real_rip', 'real_remote_ip' },
  { 'real_local_ip', 'real_lip', 'real_local_ip' },
  { 'local_name', 'local_name', 'local_name' },
  { 'session', 'session', 'session' },
  { 'client_id', 'client_id', 'client_id' },
}
local facts_begin = 4
local names, template, pattern, beginnings = {}, nil, nil, {}
local local_port -- which of the facts that is: a number, and 0 if there is none
local var_expand -- the same function for all requests

local function facts_one_by_one(req)
  local facts = {}
  for at = 1, #names do facts[at] = req[names[at]] or '' end
  return facts
end

-- The values of `names`; `is_plain` if none of them needs escaping. Dovecot makes a table of all it knows for each name that
-- is read, functions included: so it is asked for all in one go, by a function that is kept.
local function facts_of(req)
  var_expand = var_expand or req.var_expand
  local text = var_expand(req, template)
  local facts = { text:match(pattern) }
  -- None: there is a separator in one.
  if #facts == 0 then return facts_one_by_one(req) end
  facts.is_plain = text:match('^[^\0\2-\31"\\\127]*$') ~= nil
  return facts
end

local function as_it_is(text) return text end

local function json_text(text)
  if text:match('^[^\0-\31"\\\127]*$') then return text end
  return (text:gsub('[\0-\31"\\\127]', function(byte)
    return string.format('\\u%04x', byte:byte())
  end))
end

-- In a master passdb `user` is the master, and this the user that he wants to be; elsewhere it is empty.
local function wanted_user(facts)
  local name = facts[2]
  return name ~= '' and name or nil
end

-- The request body. Bytes from 0x80 on pass as they are: names and passwords need not be UTF-8.
local function question(req, facts, password)
  local user, wanted, master = facts[1], facts[2], facts[3]
  if wanted ~= '' then user, master = wanted, user end
  local text = facts.is_plain and as_it_is or json_text
  local json = '{"user":"' .. text(user)
  if master ~= '' then json = json .. '","master_user":"' .. text(master) end
  for at = facts_begin, local_port - 1 do
    local fact = facts[at]
    if fact ~= '' then json = json .. beginnings[at] .. text(fact) end
  end
  if password then json = json .. '","password":"' .. json_text(password) end
  local port = tonumber(facts[local_port])
  return json .. (port and port > 0 and string.format('","local_port":%d', port) or '"')
    .. (req.skip_password_check and ',"skip_password_check":true}' or '}')
end

local function check_status(status, reason)
  if status ~= 200 then error('Homing did not answer: ' .. status .. ' ' .. (reason or ''), 0) end
end

-- What asks over a plain socket, where LuaSocket is installed and the URL is one for it (homing-socket.lua).
local ask_by_socket, socket_headers

local function open_socket()
  local is_installed, socket = pcall(require, 'socket')
  if not is_installed or luasocket ~= 'yes' then return end
  local load, problem = loadfile('/etc/dovecot/homing-socket.lua')
  if not load then
    dovecot.i_warning('auth.lua asks by Dovecot\'s own HTTP client, though LuaSocket is installed: ' .. problem)
    return
  end
  ask_by_socket = load(socket)(url)
  socket_headers = 'User-Agent: dovecot-' .. (is_dovecot_24 and '2.4' or '2.3') .. ' auth.lua\r\n'
    .. 'Accept: text/x-dovecot-fields\r\nContent-Type: application/json\r\n'
    .. (token ~= '' and 'Authorization: Bearer ' .. token .. '\r\n' or '')
  -- For a question nothing but texts is made now: some hundred kilobytes of them may lie about.
  if ask_by_socket then collectgarbage('incremental', 1000) end
end

-- Dovecot 2.4 hands over lua_settings, an empty table if there are none; 2.3 hands over nothing.
function script_init(settings)
  is_dovecot_24 = settings ~= nil
  url = ((settings and settings.url) or url):gsub('/+$', '')
  token = (settings and settings.token) or token
  luasocket = (settings and settings.luasocket) or luasocket
  for at, words in ipairs(told) do
    names[at] = words[is_dovecot_24 and 3 or 2]
    beginnings[at] = '","' .. words[1] .. '":"'
  end
  local_port = #names + 1
  names[local_port] = 'local_port'
  template = '%{' .. table.concat(names, '}\1%{') .. '}\1'
  pattern = '^' .. ('([^\1]*)\1'):rep(#names) .. '$'
  open_socket()
  return 0
end

-- Sends one request by Dovecot's own client; returns the payload of a 200 and throws for everything else.
local function send(what, method, path, body)
  local request = client_for(what):request({ url = url .. path, method = method })
  request:add_header('Accept', 'text/x-dovecot-fields')
  if token ~= '' then request:add_header('Authorization', 'Bearer ' .. token) end
  if body then
    request:add_header('Content-Type', 'application/json')
    request:set_payload(body)
  else
    -- A list that stalls half way must not leave its connection to the next login.
    request:add_header('Connection', 'close')
  end
  local asked_at = os.time()
  local response = request:submit()
  local status = response:status()
  if status >= 9000 then clients = {} end -- Dovecot's own codes: nobody answered
  check_status(status, response:reason())
  local payload = response:payload()
  if body and not is_dovecot_24 and os.time() - asked_at >= 2
    and #payload < (tonumber(response:header('Content-Length')) or 0) then
    -- The rest never came. 2.3 keeps waiting for it and fails every later question on this connection, so this
    -- worker ends itself (SIGTERM: once it has answered); 2.4 drops the connection.
    os.execute('kill $PPID')
  end
  return payload
end

-- Fields whose mere presence means yes, whatever their value: "no" would be a dangerous way to say no.
local presence = {
  proxy = true, proxy_maybe = true, proxy_noauth = true, proxy_nopipelining = true, proxy_not_trusted = true,
  ssl = true, starttls = true, nodelay = true, nologin = true, nopassword = true, noauthenticate = true,
}
local negative = { no = true, ['false'] = true, ['0'] = true, n = true }

-- The usual ones, which need no look.
local sound = {
  user = true, host = true, hostip = true, port = true, destuser = true, pass = true, master = true, password = true,
  userdb_home = true, userdb_uid = true, userdb_gid = true,
}
for key in pairs(presence) do sound[key] = true end

local function check_field(key, value)
  if not sound[key] and (#key > 64 or not key:find('^[%a_][%w_]*$')) then
    error('Homing sent a field with a bad name', 0)
  end
  if value == '' or #value > 8192 or (presence[key] and negative[value]) then
    error('Homing sent a bad value in the field ' .. key, 0)
  end
end

-- The fields of an OK, "user=NAME[<TAB>key=value...]". An escape (0x01 and a letter) stands for a control byte, and those
-- may not reach Dovecot: no need to undo it.
local function parse_fields(line)
  if not line:match('^[^\0-\8\10-\31\127]*$') then error('Homing sent a bad value in a field', 0) end
  local fields, length = {}, 0
  for key, value in line:gmatch('([^=\t]+)=([^\t]*)') do
    check_field(key, value)
    if fields[key] then error('Homing sent the field ' .. key .. ' twice', 0) end
    fields[key] = value
    length = length + #key + #value + 2
  end
  -- With a TAB behind each: whatever is no pair would be left over.
  if length ~= #line + 1 then error('Homing sent something that is no field', 0) end
  if not fields.user then error('Homing answered for nobody', 0) end
  return fields
end

-- One line, "result=WORD<TAB>user=NAME[<TAB>reason=TEXT]<TAB>key=value...<LF>": the LF says that it is whole.
-- Returns the word, and fields if it is "ok" or the reason, if there is one, if not.
local function parse(payload)
  local result, rest = payload:match('^result=(%l[%l_]*)\t([^\n]*)\n$')
  if not result then error('Homing sent something that is no answer', 0) end
  if result == 'ok' then return result, parse_fields(rest) end
  local reason
  for pair in (rest .. '\t'):gmatch('([^\t]*)\t') do
    local key, value = pair:match('^([^=]+)=(.*)$')
    if not key then error('Homing sent something that is no field', 0) end
    if key == 'reason' then reason = value:gsub('[\0-\31\127]', '?') end
  end
  return result, reason
end

local function put(req, facts, path, password)
  local body = question(req, facts, password)
  if not ask_by_socket then return parse(send('question', 'POST', path, body)) end
  local status, reason, payload = ask_by_socket(path, socket_headers, body, patience.question)
  check_status(status, reason)
  return parse(payload)
end

-- Asks and maps Homing's word to Dovecot's; a word that is not in the table is an internal failure.
-- Returns the code and, as both versions want it, a table for OK and text for everything else.
local function ask(req, facts, path, password, codes, internal_failure)
  local done, result, found = pcall(put, req, facts, path, password)
  if not done then
    req:log_error(tostring(result))
    return internal_failure, 'internal failure'
  end
  local code = codes[result]
  if not code then
    req:log_error('Homing answered ' .. result)
    return internal_failure, 'internal failure'
  end
  if result ~= 'ok' then
    req:log_info(result .. (found and ': ' .. found or ''))
    return code, result
  end
  if found.user == facts[1] then found.user = nil end
  return code, found
end

local passdb_codes = {
  ok = dovecot.auth.PASSDB_RESULT_OK,
  password_mismatch = dovecot.auth.PASSDB_RESULT_PASSWORD_MISMATCH,
  user_unknown = dovecot.auth.PASSDB_RESULT_USER_UNKNOWN,
  user_disabled = dovecot.auth.PASSDB_RESULT_USER_DISABLED,
  pass_expired = dovecot.auth.PASSDB_RESULT_PASS_EXPIRED,
  scheme_not_available = dovecot.auth.PASSDB_RESULT_SCHEME_NOT_AVAILABLE,
}

local function ask_passdb(req, facts, path, password)
  local internal_failure = dovecot.auth.PASSDB_RESULT_INTERNAL_FAILURE
  local code, fields = ask(req, facts, path, password, passdb_codes, internal_failure)
  if code == passdb_codes.ok and fields.host and not (fields.proxy or fields.proxy_maybe) then
    -- Dovecot would let them in here, and their mail is elsewhere.
    req:log_error('Homing sent a host without proxy')
    return internal_failure, 'internal failure'
  end
  return code, fields
end

-- Asked here, every user would be everybody's master.
local function is_for_masters(req, facts)
  if not wanted_user(facts) then return false end
  req:log_error('a passdb with `master = yes` must use master.lua, not auth.lua')
  return true
end

function auth_password_verify(req, password)
  local facts = facts_of(req)
  if is_for_masters(req, facts) then return dovecot.auth.PASSDB_RESULT_INTERNAL_FAILURE, 'internal failure' end
  -- Dovecot has verified a master user's password already; that one is nobody else's business.
  local code, fields = ask_passdb(req, facts, '/v1/passdb/verify', req.skip_password_check and '' or password)
  if code == passdb_codes.ok then
    -- OK says it all. Dovecot's auth cache would keep "nopassword" and accept any password from then on.
    fields.nopassword = nil
    fields.noauthenticate = nil
    fields.password = nil
  end
  return code, fields
end

-- LMTP, doveadm, and mechanisms that Dovecot computes itself. Without a stored password to show, Dovecot wants
-- to be told that none is needed; a mechanism that does need one then fails as "scheme not available".
function auth_passdb_lookup(req)
  local facts = facts_of(req)
  if is_for_masters(req, facts) then return dovecot.auth.PASSDB_RESULT_INTERNAL_FAILURE, 'internal failure' end
  local code, fields = ask_passdb(req, facts, '/v1/passdb/lookup')
  if code == passdb_codes.ok then fields.nopassword = not fields.password and 'y' or nil end
  return code, fields
end

-- Dovecot 2.4 caches only with a key from here; 2.3 has cache_key in its args. All that can change the answer is
-- in it: an IMAP answer names the IMAP port, a host may be made of the name that a client was looking for (local_name),
-- and a right password must not vouch for another one.
local cache_key = '%{user}%{protocol}%{mechanism}%{secured}%{local_name}'
  .. '%{local_ip}%{local_port}%{remote_ip}%{real_local_ip}%{real_remote_ip}'

function auth_passdb_get_cache_key()
  return cache_key .. '%{password}'
end

function auth_userdb_get_cache_key()
  return '%{user}%{protocol}%{local_name}'
end

function auth_userdb_lookup(req)
  return ask(req, facts_of(req), '/v1/userdb/lookup', nil, {
    ok = dovecot.auth.USERDB_RESULT_OK,
    user_unknown = dovecot.auth.USERDB_RESULT_USER_UNKNOWN,
  }, dovecot.auth.USERDB_RESULT_INTERNAL_FAILURE)
end

-- All users, one a line; an empty line ends them. Without it the list broke off, and half a list must not pass
-- for a whole one: throwing makes Dovecot's iteration fail.
function auth_userdb_iterate()
  local payload = send('list', 'GET', '/v1/userdb/users')
  local lines = payload:match('^(.*\n)\n$') or payload:match('^()\n$') and ''
  if not lines or lines:find('^\n') or lines:find('\n\n', 1, true) then
    error('the list of users broke off', 0)
  end
  local users = {}
  for name in lines:gmatch('([^\n]+)\n') do
    if name:find('[\0-\31\127]') then error('Homing sent a bad user name', 0) end
    users[#users + 1] = name
  end
  return users
end

-- For master.lua.
return { facts_of = facts_of, ask_passdb = ask_passdb, wanted_user = wanted_user }
