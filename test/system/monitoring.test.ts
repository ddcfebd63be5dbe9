// The dashboard and the alerts ask for metrics and labels that a running service has, with values that occur.

import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { request } from 'node:https'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { parse } from 'yaml'
import { createAuthority } from './certificates.js'
import { startHoming } from './homing.js'
import { startMariadb, whyNoMariadb } from './mariadb-server.js'
import { needs, promtool } from './parts.js'

const run = promisify(execFile)
const alertsFile = 'deploy/prometheus/homing-alerts.yaml'
const scrapeFile = 'deploy/prometheus/scrape.yaml'
const reason = whyNoMariadb()

/** Name → label → values, of every series that the text has; a family without series has no labels. */
type Metrics = ReadonlyMap<string, ReadonlyMap<string, ReadonlySet<string>>>

function parseMetrics(text: string): Metrics {
  const metrics = new Map<string, Map<string, Set<string>>>()
  const family = (name: string) => {
    const known = metrics.get(name) ?? new Map<string, Set<string>>()
    metrics.set(name, known)
    return known
  }
  for (const line of text.split('\n')) {
    const type = /^# TYPE (\S+) (\S+)$/.exec(line)
    if (type?.[2] === 'histogram') for (const end of ['_bucket', '_sum', '_count']) family(`${type[1]}${end}`)
    else if (type) family(type[1] ?? '')
    const sample = /^([a-z_]+)(?:\{(.*)\})? \S+$/.exec(line)
    if (!sample) continue
    for (const [, label = '', value = ''] of (sample[2] ?? '').matchAll(/([a-z_]+)="((?:[^"\\]|\\.)*)"/g)) {
      const labels = family(sample[1] ?? '')
      labels.set(label, (labels.get(label) ?? new Set()).add(value))
    }
  }
  return metrics
}

/** What Prometheus adds when it scrapes. */
const added = new Set(['job', 'instance'])
const words = new Set(['by', 'on', 'and', 'or', 'unless', 'offset', 'without', 'ignoring', 'le'])

/** What is wrong with an expression, seen from the metrics that there are. */
function findFaults(expression: string, metrics: Metrics): string[] {
  const faults: string[] = []
  const used: string[] = []
  const selectors = /\b([a-zA-Z_:][\w:]*)(?:\{([^}]*)\})?/g
  const bare = expression.replace(/\b(by|on|without|ignoring) *\([^)]*\)/g, '').replace(/\[[^\]]*\]/g, '')
  for (const [, name = '', conditions = ''] of bare.matchAll(selectors)) {
    if (words.has(name) || new RegExp(`\\b${name} *\\(`).test(bare) || /^\d/.test(name)) continue
    if (name === 'up' || /^[smhd]$/.test(name)) continue
    const labels = metrics.get(name)
    if (!labels) {
      faults.push(`there is no ${name}`)
      continue
    }
    used.push(name)
    for (const [, label = '', operator = '', value = ''] of conditions.matchAll(
      /(\w+) *(=~|!=|!~|=) *"([^"]*)"/g,
    )) {
      if (added.has(label)) continue
      const values = labels.get(label)
      if (!values) faults.push(`${name} has no label ${label}`)
      else if (operator === '=' && !values.has(value))
        faults.push(`${name}{${label}="${value}"} never occurs`)
      else if (operator === '=~' && ![...values].some(one => new RegExp(`^(${value})$`).test(one)))
        faults.push(`${name}{${label}=~"${value}"} never occurs`)
    }
  }
  if (used.length === 0 && !/\bup\b/.test(expression)) faults.push('it asks for nothing of ours')
  for (const [, list = ''] of expression.matchAll(/\b(?:by|on) *\(([^)]*)\)/g)) {
    for (const label of list.split(',').map(word => word.trim())) {
      if (added.has(label) || used.some(name => metrics.get(name)?.has(label))) continue
      faults.push(`no metric in it has the label ${label}`)
    }
  }
  return faults
}

function alertExpressions(): Record<string, string> {
  const { groups } = parse(readFileSync(alertsFile, 'utf8'))
  const rules: { alert: string; expr: string }[] = groups.flatMap(
    (group: { rules: unknown[] }) => group.rules,
  )
  return Object.fromEntries(rules.map(({ alert, expr }) => [alert, expr]))
}

function panelExpressions(): Record<string, string> {
  const { panels } = JSON.parse(readFileSync('deploy/grafana/homing.json', 'utf8'))
  const targets: [string, string][] = panels.flatMap(
    ({ title, targets = [] }: { title: string; targets?: { expr: string; refId: string }[] }) =>
      targets.map(({ expr, refId }) => [`${title} ${refId}`, expr.replaceAll('$__rate_interval', '5m')]),
  )
  return Object.fromEntries(targets)
}

t.test('the checker itself finds what is wrong', async t => {
  const metrics = parseMetrics(
    '# TYPE a counter\na{code="200",door="x"} 1\n# TYPE h histogram\nh_bucket{le="1"} 2\n',
  )
  t.same(findFaults('sum by (door) (rate(a{code="200", job="j"}[5m]))', metrics), [])
  t.same(findFaults('histogram_quantile(0.9, sum by (le) (rate(h_bucket[5m]))) > 1', metrics), [])
  t.same(findFaults('b > 0', metrics), ['there is no b', 'it asks for nothing of ours'])
  t.same(findFaults('a{code="500"} > 0', metrics), ['a{code="500"} never occurs'])
  t.same(findFaults('a{user="x"} > 0', metrics), ['a has no label user'])
  t.same(findFaults('sum by (user) (a)', metrics), ['no metric in it has the label user'])
})

t.test(
  'dashboard and alerts fit the metrics of a running service',
  reason ? { skip: reason } : {},
  async t => {
    const folder = await mkdtemp(join(tmpdir(), 'homing-monitoring-'))
    t.teardown(() => rm(folder, { recursive: true, force: true }))
    const authority = await createAuthority(folder, 'ca')
    const { certFile, keyFile } = await authority.issue('homing', 'DNS:localhost')
    const server = await startMariadb()
    t.teardown(() => server.close())
    const name = `homing_monitoring_${process.pid}`
    const url = await server.createDatabase(name)
    const homing = await startHoming({
      database: { url, execute: sql => server.execute(sql, name) },
      caFile: authority.caFile,
      config: `ssl = true\nssl_cert = "${certFile}"\nssl_key = "${keyFile}"\nauth_cache_size = "1M"\nlogin_events = "all"\npolicy_check = true\ndict_listen = ["unix:${folder}/dict.sock"]\n`,
    })
    t.teardown(homing.close)
    await homing.addAccounts({
      localUsers: [{ username: 'anna@x', password: '{PLAIN}secret', home: '/h', uid: 1, gid: 1 }],
    })
    const ask = (path: string, body?: object, token = homing.token) =>
      answer(`${homing.url}${path}`, readFileSync(authority.caFile, 'utf8'), token, body)
    const canary = { user: 'c4n4ry@x', remote_ip: '198.51.100.77', session: 'c4n4ry', protocol: 'c4n4ry' }
    for (const password of ['secret', 'secret', 'wrong'])
      await ask('/v1/passdb/verify', { user: 'anna@x', password })
    await ask('/v1/passdb/verify', { ...canary, password: 'c4n4ry' })
    await ask('/v1/passdb/verify', { ...canary, password: 'c4n4ry' }, 'wrong')
    await ask('/v1/c4n4ry/198.51.100.77', {})
    t.match(await askDict(join(folder, 'dict.sock'), 'Lshared/userdb/anna@x\tanna@x'), /^O\{/)
    const text = await ask('/metrics')
    const metrics = parseMetrics(text)

    for (const [alert, expr] of Object.entries(alertExpressions()))
      t.same(findFaults(expr, metrics), [], alert)
    for (const [panel, expr] of Object.entries(panelExpressions()))
      t.same(findFaults(expr, metrics), [], panel)
    t.notMatch(
      text,
      /c4n4ry|198\.51\.100\.77|127\.0\.0\.1|anna/,
      'no user, address or path of a stranger in any label',
    )
    t.match(text, /homing_door_requests_total\{door="passdb",code="200",verdict="password_mismatch"\} 1\n/)
    t.match(text, /homing_door_requests_total\{door="passdb",code="401",verdict="none"\} 1\n/)
    t.match(text, /homing_door_request_duration_seconds_count\{door="passdb"\} 6\n/)
    t.match(text, /homing_door_requests_total\{door="dict",code="none",verdict="ok"\} 1\n/)
    t.match(text, /homing_database_hosts\{database="main",state="up"\} 1\n/)
    t.match(text, /homing_login_events_waiting \d/)
    const names = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, found]) => found)
    t.equal(new Set(names).size, names.length, 'no family twice')
    await homing.waitForLog('a caller was turned away', '127.0.0.1')
  },
)

t.test('promtool takes the alerts', async t => {
  if (!needs(t, 'promtool')) return
  const checked = await run(promtool() ?? '', ['check', 'rules', alertsFile]).catch(error => error)
  t.match(checked.stdout, /SUCCESS: \d+ rules found/)
})

t.test('promtool takes the configuration, and finds the alerts by it', async t => {
  if (!needs(t, 'promtool')) return
  const checked = await run(promtool() ?? '', ['check', 'config', scrapeFile]).catch(error => error)
  t.match(checked.stdout, /SUCCESS: 1 rule files found/)
  t.match(checked.stdout, /scrape\.yaml is valid/)
})

/** One question in Dovecot's dict protocol, without ids. */
function askDict(path: string, line: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(path, () => socket.write(`H3\t0\t0\t\tauth\n${line}\n`))
    socket.once('data', data => {
      resolve(String(data))
      socket.destroy()
    })
    socket.on('error', reject)
  })
}

function answer(url: string, ca: string, token: string, body?: object): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
    const asked = request(url, { ca, method: body ? 'POST' : 'GET', headers, agent: false }, response => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', chunk => {
        text += chunk
      })
      response.on('end', () => resolve(text))
    })
    asked.on('error', reject)
    asked.end(body && JSON.stringify(body))
  })
}
