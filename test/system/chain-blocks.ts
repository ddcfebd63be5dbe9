// Links of a chain as a homing.toml has them, for sites whose chain is not the default one.

/** Master users, whose login user must exist further down. */
export const mastersFirst = `
[[passdb]]
name = "masters"
driver = "sql"
table = "master_users"
master = true
result_success = "continue"
result_failure = "return-fail"
`

export const proxiedUsers = `
[[passdb]]
name = "proxy"
driver = "sql"
table = "proxy_users"
result_failure = "continue"
`

export const localPassdb = `
[[passdb]]
name = "local"
driver = "sql"
table = "local_users"
`

/** They log in here, and have their mail here. */
export const localUsers = `${localPassdb}
[[userdb]]
name = "local"
driver = "sql"
table = "local_users"
`
