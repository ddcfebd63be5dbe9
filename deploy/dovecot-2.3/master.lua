-- Asks Homing, for Dovecot 2.3 and 2.4 alike: is this the master user's password, and may he be this user?
--
-- A file of its own, and for passdbs with `master = yes` alone: what is asked here is never answered about users, and
-- auth.lua answers nobody as a master. Homing says yes only when the master and the user both may, so that its audit knows
-- how it ended; the route and the mailbox come with the next question, which Dovecot asks auth.lua about the user.

local homing = dofile('/etc/dovecot/auth.lua')

-- Whoever is a master is asked about every time: an answer from a cache would be in no audit.
auth_passdb_get_cache_key, auth_userdb_get_cache_key = nil, nil
auth_userdb_lookup, auth_userdb_iterate = nil, nil

function auth_password_verify(req, password)
  local facts = homing.facts_of(req)
  local user = homing.wanted_user(facts)
  if not user then
    req:log_error('master.lua is for a passdb with `master = yes`')
    return dovecot.auth.PASSDB_RESULT_INTERNAL_FAILURE, 'internal failure'
  end
  local code, fields = homing.ask_passdb(req, facts, '/v1/passdb/verify', password)
  if code ~= dovecot.auth.PASSDB_RESULT_OK then return code, fields end
  -- Whom Homing let him be is whom the next question must be about.
  local became = fields.user or user
  return code, became ~= user and { login_user = became } or {}
end

-- For mechanisms that Dovecot computes itself it would have to be shown what masters have stored.
function auth_passdb_lookup(req)
  req:log_error('master users log in by PLAIN or LOGIN')
  return dovecot.auth.PASSDB_RESULT_SCHEME_NOT_AVAILABLE, 'scheme_not_available'
end
