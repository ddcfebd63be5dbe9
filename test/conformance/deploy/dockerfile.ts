// A Dockerfile as its instructions, stage by stage.

export interface Instruction {
  /** FROM, COPY, RUN … */
  readonly word: string
  /** All of what follows, on one line. */
  readonly rest: string
}

/** The stages in their order; each begins with its FROM. */
export function readDockerfile(text: string): Instruction[][] {
  const lines = text
    .split('\n')
    .filter(line => !/^\s*#/.test(line))
    .join('\n')
    .replace(/\\\n\s*/g, '')
    .split('\n')
    .filter(line => line.trim() !== '')
  const stages: Instruction[][] = []
  for (const line of lines) {
    const { word = '', rest = '' } = /^(?<word>[A-Z]+) +(?<rest>.*)$/.exec(line)?.groups ?? {}
    if (word === '') throw new Error(`no instruction: ${line}`)
    if (word === 'FROM') stages.push([])
    stages.at(-1)?.push({ word, rest: rest.trim() })
  }
  return stages
}
