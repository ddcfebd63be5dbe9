import closeWithGrace from 'close-with-grace'
import type { HomingConfig } from '../config/program-schema.js'
import { ConfigError } from '../model/config-error.js'
import { withoutPassword } from '../model/url-password.js'
import type { Service } from '../service.js'
import { type Call, type Command, CommandError } from './command.js'
import { addDemoUsers, demoGuide, refuseDemoElsewhere } from './demo.js'
import { type ExitCode, exitCode } from './exit-code.js'
import { openConfig, readConfig } from './open-config.js'
import { type Systemd, systemdOf } from './systemd.js'

export const serve: Command = {
  name: 'serve',
  operands: '',
  operandCount: { minimum: 0, maximum: 0 },
  summary: 'runs the service until SIGTERM or SIGINT; a second signal ends it at once',
  details:
    'SIGHUP reads the configuration again, takes up renewed certificates and flushes the auth cache; SIGUSR2 logs statistics of the cache.',
  examples: ['homing serve --config /etc/homing.toml', 'homing serve --demo'],
  options: {
    listen: {
      type: 'string',
      multiple: true,
      value: 'ADDRESS',
      description: 'where to answer, instead of `listen`; may be given more than once',
    },
    demo: { type: 'boolean', description: 'add a few example users and print how to try them' },
  },
  run: runService,
}

async function runService(call: Call): Promise<ExitCode> {
  const sources = withListenFlags(call)
  const config = openConfig(sources, warning => call.terminal.complain(`warning: ${warning}`))
  const demo = call.flag('demo')
  if (demo) refuseDemoElsewhere(config.settings.database_url)
  const service = await start(config)
  const systemd = systemdOf(call.terminal.environment, warning => console.error(`warning: ${warning}`))
  // Before a word is said: whoever waits for it may send a signal at once.
  const ended = stopped(service, config, systemd)
  if (!hangsUp) process.on('SIGHUP', () => hangUp(service, sources, systemd))
  process.on('SIGUSR2', () => service.logCacheStatistics())
  if (demo) await addDemoUsers(service.engine.database, config.settings)
  const say = sayOnly(call)
  say(readyLine(call, config, service))
  if (demo) say(guideOf(service, config))
  if (config.passdbs.some(({ settings }) => settings.master)) void warnOfWeakMasters(call, config, service)
  void systemd.ready()
  return ended
}

const MASTERS_NAMED = 20

/** Beside the first logins; who cannot be warned of now is named by config check and hash-audit. */
async function warnOfWeakMasters(
  { terminal }: Call,
  config: HomingConfig,
  { engine }: Service,
): Promise<void> {
  try {
    const { findWeakMasters } = await import('./weak-masters.js')
    for (const { table, user, fault } of await findWeakMasters(config, engine.databases, MASTERS_NAMED)) {
      terminal.complain(`warning: ${table} ${JSON.stringify(user)}: ${fault}`)
    }
  } catch (cause) {
    terminal.complain(`warning: the master users could not be looked at: ${String(cause)}`)
  }
}

/** From here on nobody depends on stdout: a full disk or a pipe without a reader ends a command, and not a service. */
function sayOnly({ terminal }: Call): (text: string) => void {
  process.stdout.removeAllListeners('error').on('error', () => {})
  return text => void terminal.print(text).catch(() => {})
}

function guideOf({ addresses }: Service, { settings }: HomingConfig): string {
  return demoGuide(addresses, settings.api_token, settings.ssl ? 'https' : 'http')
}

/** The new settings first: what is asked from now on is asked and kept by them. */
function hangUp(service: Service, sources: Call, systemd: Systemd): void {
  void systemd.reloading()
  const done = () => {
    service.flushCache()
    void systemd.ready()
  }
  void service.reload(readConfig(sources)).finally(done)
}

/** What is in the way of a start (an address in use, say) is one sentence; a bug keeps its stack. */
async function start(config: HomingConfig): Promise<Service> {
  const { startService } = await import('../service.js')
  try {
    return await startService(config)
  } catch (cause) {
    if (!(cause instanceof Error) || cause instanceof ConfigError || cause instanceof TypeError) throw cause
    throw new CommandError(exitCode.unavailable, `cannot start: ${cause.message}`, { cause })
  }
}

/** `--listen A --listen B` is `--set listen=["A","B"]`. */
function withListenFlags(call: Call): Call {
  const addresses = call.texts('listen')
  if (addresses.length === 0) return call
  const flag = `listen=${JSON.stringify(addresses)}`
  return { ...call, texts: option => (option === 'set' ? [...call.texts('set'), flag] : call.texts(option)) }
}

function readyLine({ json, terminal }: Call, config: HomingConfig, { addresses }: Service): string {
  const database = withoutPassword(config.settings.database_url)
  const passdbs = config.passdbs.map(({ name }) => name)
  if (json) return `${JSON.stringify({ ready: true, addresses, database, passdbs })}\n`
  const chain = passdbs.join(' → ')
  return `${terminal.paint.good('Homing is ready')} on ${addresses.join(' and ')} · ${database} · passdbs ${chain}\n`
}

/** What a graceful stop may take beyond the settings that bound it. */
const SPARE_MS = 5000

/** Ctrl-C in a terminal reaches us twice under npm: from the terminal, and passed on by npm. */
const SAME_SIGNAL_MS = 500

/** What close-with-grace would end the process for, and we mean something else by. */
const ownSignals = ['SIGINT', 'SIGTERM', 'SIGUSR2'] as const

/** A terminal that is closed sends SIGHUP too, and then nobody is left to stop us. */
const hangsUp = process.stdout.isTTY === true

/** Resolves never: close-with-grace ends the process, with 0 after a signal and 1 after a bug. */
function stopped(service: Service, { settings }: HomingConfig, systemd: Systemd): Promise<ExitCode> {
  const delay = settings.shutdown_delay + settings.shutdown_timeout + SPARE_MS
  return new Promise(() => {
    const grace = closeWithGrace(
      { delay, skip: hangsUp ? [...ownSignals] : [...ownSignals, 'SIGHUP'] },
      async ({ err }) => {
        if (err) console.error(err)
        void systemd.stopping()
        await service.stop()
      },
    )
    let firstAt: number | undefined
    const stop = (signal: NodeJS.Signals) => {
      if (firstAt === undefined) {
        firstAt = performance.now()
        grace.close()
      } else if (performance.now() - firstAt > SAME_SIGNAL_MS) {
        console.error(`second ${signal}: ending at once`)
        process.exit(1)
      }
    }
    process.on('SIGINT', stop).on('SIGTERM', stop)
  })
}
