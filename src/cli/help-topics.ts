// The longer texts: pages beside this file, printed as they are.

import { readdirSync, readFileSync } from 'node:fs'

// Compiled files stand in build/src/cli, the pages only in src/cli.
const folder = new URL('../../../src/cli/topics/', import.meta.url)
const ENDING = '.md'

export interface HelpTopic {
  readonly name: string
  /** Its heading. */
  readonly title: string
}

/** All pages, by name. */
export function helpTopics(): readonly HelpTopic[] {
  return readdirSync(folder)
    .filter(file => file.endsWith(ENDING))
    .sort()
    .map(file => file.slice(0, -ENDING.length))
    .map(name => ({ name, title: /^# (.*)$/m.exec(readTopic(name))?.[1] ?? name }))
}

/** The page of a name that helpTopics gave. */
export function readTopic(name: string): string {
  return readFileSync(new URL(`${name}${ENDING}`, folder), 'utf8')
}
