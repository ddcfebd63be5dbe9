// deploy/kubernetes: that its files fit together, and fit the program.

import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { parse, parseAllDocuments } from 'yaml'
import { type LoadedConfig, loadConfig } from '../../../src/config/load-config.js'
import { programSchema } from '../../../src/config/program-schema.js'
import { readDockerfile } from './dockerfile.js'

const root = join(import.meta.dirname, '../../../..')
const folder = join(root, 'deploy/kubernetes')
const read = (name: string) => readFile(join(folder, name), 'utf8')
const kustomization = parse(await read('kustomization.yaml'))
const deployment = parse(await read('deployment.yaml'))
const pod = deployment.spec.template.spec
const [container] = pod.containers
const secret = parse(await read('secret.example.yaml'))
const policies = parseAllDocuments(await read('networkpolicy.yaml')).map(document => document.toJS())
const toml = await read('homing.toml')

t.test('kustomize finds every file that is named, and names every file that is there', async t => {
  const named = [
    ...kustomization.resources,
    ...kustomization.configMapGenerator[0].files,
    'kustomization.yaml',
  ]
  const there = await readdir(folder)
  // Who deploys makes it from the example, and it is in no version control.
  const made = named.map((name: string) => name.replace(/^secret\.yaml$/, 'secret.example.yaml'))
  t.same([...made].sort(), there.sort())
  t.equal(kustomization.configMapGenerator[0].name, pod.volumes[0].configMap.name)
  t.equal(kustomization.images[0].name, container.image)
  t.match(kustomization.images[0].newTag, /^[0-9]+\.[0-9]+\.[0-9]+$/)
})

t.test(
  'homing.toml has no mistakes, and its secrets are keys of the Secret, which has no value of ours',
  async t => {
    const temporary = await mkdtemp(join(tmpdir(), 'homing-kubernetes-'))
    t.teardown(() => rm(temporary, { recursive: true, force: true }))
    const mount = container.volumeMounts.find(({ name }: { name: string }) => name === 'secrets').mountPath
    const files = [...toml.matchAll(/^[a-z_]+_file = "(.*)"$/gm)].map(([, path = '']) => path)
    t.same(
      files.sort(),
      Object.keys(secret.stringData)
        .map(key => `${mount}/${key}`)
        .sort(),
    )
    t.ok(Object.values(secret.stringData).every(value => value === ''))
    for (const key of Object.keys(secret.stringData)) {
      await writeFile(join(temporary, key), 'a-secret', { mode: 0o600 })
    }
    const file = join(temporary, 'homing.toml')
    await writeFile(file, toml.replaceAll(mount, temporary), { mode: 0o600 })
    const { shutdown_delay, shutdown_timeout } = settingsOf(
      loadConfig(programSchema, { file, environment: {} }),
    )

    const pauseMs = Number(/, ([0-9]+)\)/.exec(container.lifecycle.preStop.exec.command.join(' '))?.[1])
    const graceMs = pod.terminationGracePeriodSeconds * 1000
    t.ok(graceMs >= pauseMs + shutdown_delay + shutdown_timeout + 5000, 'it is not killed while it ends')
    const { periodSeconds, failureThreshold } = container.readinessProbe
    t.ok(
      shutdown_delay >= periodSeconds * failureThreshold * 1000,
      'it is seen to be stopping before it is gone',
    )
  },
)

t.test('probes ask what the program answers, and the liveness probe never asks for the database', async t => {
  const routes = await readFile(join(root, 'src/protocols/http/health-routes.ts'), 'utf8')
  for (const probe of [container.startupProbe, container.livenessProbe, container.readinessProbe]) {
    t.match(routes, `app.get('${probe.httpGet.path}'`)
    t.equal(probe.httpGet.port, container.ports[0].name)
  }
  t.equal(container.livenessProbe.httpGet.path, '/livez')
  t.equal(container.readinessProbe.httpGet.path, '/readyz')
  t.match(toml, `0.0.0.0:${container.ports[0].containerPort}`)
})

t.test('it is restricted, as the pod security standard of that name says, and the image’s user', async t => {
  const stages = readDockerfile(await readFile(join(root, 'deploy/container/Dockerfile'), 'utf8'))
  const user = stages.at(-1)?.find(({ word }) => word === 'USER')?.rest
  const { securityContext } = pod
  t.equal(`${securityContext.runAsUser}:${securityContext.runAsGroup}`, user)
  t.match(securityContext, { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } })
  t.same(container.securityContext, {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
  })
  t.equal(pod.automountServiceAccountToken, false)
  t.ok(
    container.resources.requests.cpu &&
      container.resources.requests.memory &&
      container.resources.limits.memory,
  )
  for (const { name } of container.env) {
    const key = name.replace(/^HOMING_/, '').toLowerCase()
    t.ok(key === 'config' || key in programSchema.settings.properties, name)
  }
})

t.test('Service, budget, spread and policies all mean these Pods', async t => {
  const labels = deployment.spec.template.metadata.labels
  const service = parse(await read('service.yaml'))
  const budget = parse(await read('poddisruptionbudget.yaml'))
  t.same(deployment.spec.selector.matchLabels, labels)
  t.same(service.spec.selector, labels)
  t.equal(service.spec.ports[0].targetPort, container.ports[0].name)
  t.same(budget.spec.selector.matchLabels, labels)
  t.ok(budget.spec.maxUnavailable < deployment.spec.replicas)
  const keys = pod.topologySpreadConstraints.map(
    (constraint: { topologyKey: string }) => constraint.topologyKey,
  )
  t.same(keys, ['kubernetes.io/hostname', 'topology.kubernetes.io/zone'])
  for (const { labelSelector } of pod.topologySpreadConstraints) t.same(labelSelector.matchLabels, labels)
  for (const { spec } of policies) t.same(spec.podSelector.matchLabels, labels)
})

t.test('all traffic is denied, and what homing.toml needs is allowed', t => {
  const [deny, allow] = policies
  t.same(deny.spec.policyTypes, ['Ingress', 'Egress'])
  t.notOk(deny.spec.ingress || deny.spec.egress)
  const outward = allow.spec.egress.flatMap(({ ports }: { ports: { port: number }[] }) =>
    ports.map(({ port }) => port),
  )
  t.same(outward, [53, 53, 3306, 6379])
  for (const { from } of allow.spec.ingress) t.ok(from.length > 0, 'an empty list would let everybody in')
  for (const { to } of allow.spec.egress) t.ok(to.length > 0)
  t.end()
})

function settingsOf(loaded: LoadedConfig<typeof programSchema.settings>) {
  if ('config' in loaded) return loaded.config.settings
  throw new Error(JSON.stringify(loaded.problems))
}
