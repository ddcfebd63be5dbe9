// What is known against the packages that Homing runs with, by the versions in package-lock.json, and a list of them for
// others to look through (SBOM, CycloneDX) in build/homing.cdx.json. CI runs it.
//
// Exits with 1 when something is known against one of them. A registry that does not answer such questions (a mirror, a
// machine without network) is said aloud and is no failure: then the audit has not been made.

import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

function npm(...args) {
  const { status, stdout } = spawnSync('npm', args, { cwd: root, encoding: 'utf8', maxBuffer: 64 << 20 })
  return { status, stdout: stdout ?? '' }
}

function parsed(text) {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function writeSbom() {
  const { status, stdout } = npm('sbom', '--package-lock-only', '--omit=dev', '--sbom-format=cyclonedx')
  const sbom = parsed(stdout)
  if (status !== 0 || !sbom) throw new Error('npm sbom made no list')
  mkdirSync(join(root, 'build'), { recursive: true })
  writeFileSync(join(root, 'build', 'homing.cdx.json'), stdout)
  console.log(`SBOM: ${sbom.components.length} packages in build/homing.cdx.json`)
}

function audit() {
  const report = parsed(npm('audit', '--package-lock-only', '--omit=dev', '--json').stdout)
  if (!report?.vulnerabilities) {
    console.log(
      `AUDIT NOT MADE: ${report?.message ?? report?.error?.summary ?? 'the registry did not answer'}`,
    )
    return
  }
  const found = Object.values(report.vulnerabilities)
  for (const { name, severity, range } of found) console.log(`${severity}: ${name} ${range}`)
  console.log(`audit: ${found.length} packages with known vulnerabilities`)
  if (found.length > 0) process.exitCode = 1
}

writeSbom()
audit()
