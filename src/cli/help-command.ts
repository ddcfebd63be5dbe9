import { type Command, CommandError } from './command.js'
import { exitCode } from './exit-code.js'
import { helpTopics, readTopic } from './help-topics.js'

const TOPICS = 'topics'

export const helpCommand: Command = {
  name: 'help',
  operands: 'TOPIC',
  operandCount: { minimum: 1, maximum: 1 },
  summary: 'prints a page on a topic; `homing help topics` lists them',
  examples: ['homing help topics', 'homing help troubleshooting'],
  options: {},
  async run({ operands, json, terminal }) {
    const topics = helpTopics()
    const [wanted = TOPICS] = operands
    if (wanted === TOPICS) {
      const width = Math.max(...topics.map(({ name }) => name.length))
      const lines = topics.map(({ name, title }) => `homing help ${name.padEnd(width)}  ${title}\n`)
      await terminal.print(json ? `${JSON.stringify(topics)}\n` : lines.join(''))
      return exitCode.ok
    }
    const topic = topics.find(({ name }) => name === wanted)
    if (topic === undefined) {
      const names = topics.map(({ name }) => name).join(', ')
      throw new CommandError(exitCode.usage, `there is no topic ${wanted}; there are: ${names}`)
    }
    const text = readTopic(topic.name)
    await terminal.print(json ? `${JSON.stringify({ ...topic, text })}\n` : text)
    return exitCode.ok
  },
}
