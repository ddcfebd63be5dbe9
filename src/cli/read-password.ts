// Passwords come by prompt without echo, by stdin or by a file descriptor, and never by argv.

import { createReadStream } from 'node:fs'
import { Password } from '../model/password.js'
import { type Call, CommandError, type CommandOptions, UsageError } from './command.js'
import { exitCode } from './exit-code.js'

export const passwordOptions: CommandOptions = {
  'password-fd': {
    type: 'string',
    value: 'N',
    description: 'read the password from file descriptor N (default: ask; stdin where that is no terminal)',
  },
}

const LIMIT_BYTES = 64 * 1024
const LF = 0x0a
const CR = 0x0d

/** One password. A new one is asked for twice, so that a slip of the finger locks nobody out. */
export async function readPassword(call: Call, { isNew }: { isNew: boolean }): Promise<Password> {
  const fd = call.text('password-fd')
  if (fd !== undefined) return readPasswordFrom(fd, '--password-fd')
  const bytes = await (process.stdin.isTTY ? askFor(isNew) : readFirstLine(0))
  if (bytes.length === 0) throw new CommandError(exitCode.badData, 'the password is empty')
  return new Password(bytes)
}

/** The first line of a file descriptor, which the option names. */
export async function readPasswordFrom(fd: string, option: string): Promise<Password> {
  if (!/^[0-9]{1,9}$/.test(fd)) throw new UsageError(`${option} takes the number of a file descriptor`)
  const bytes = await readFirstLine(Number(fd))
  if (bytes.length === 0) throw new CommandError(exitCode.badData, 'the password is empty')
  return new Password(bytes)
}

/** Up to the first line break or the end: `printf secret |` and `echo secret |` give the same password. */
async function readFirstLine(fd: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let length = 0
  try {
    for await (const chunk of createReadStream('', { fd, autoClose: false }) as AsyncIterable<Buffer>) {
      chunks.push(chunk)
      length += chunk.length
      if (chunk.includes(LF) || length > LIMIT_BYTES) break
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new CommandError(exitCode.badData, `cannot read the password from file descriptor ${fd} (${code})`)
  }
  const bytes = Buffer.concat(chunks)
  const end = bytes.indexOf(LF)
  const line = end < 0 ? bytes : bytes.subarray(0, bytes[end - 1] === CR ? end - 1 : end)
  if (line.length > LIMIT_BYTES)
    throw new CommandError(exitCode.badData, 'the password is longer than 64 KiB')
  return line
}

async function askFor(isNew: boolean): Promise<Buffer> {
  const password = await prompt('Password: ')
  if (!isNew) return password
  const again = await prompt('The same again: ')
  if (!again.equals(password)) throw new CommandError(exitCode.badData, 'the two passwords are not the same')
  return password
}

const CTRL_C = 0x03
const CTRL_D = 0x04
const CTRL_U = 0x15
const BACKSPACES = [0x08, 0x7f]
const INTERRUPTED = 130 // what a shell says of a program that SIGINT ended

/** Asks on the terminal; what is typed is not shown. */
function prompt(question: string): Promise<Buffer> {
  const { stdin, stderr } = process
  // Before the question: what is typed the moment it appears must not be shown either.
  stdin.setRawMode(true)
  stdin.resume()
  stderr.write(question)
  return new Promise((resolve, reject) => {
    let typed: number[] = []
    const finish = (end: () => void) => {
      stdin.off('data', read)
      stdin.setRawMode(false)
      stdin.pause()
      stderr.write('\n')
      end()
    }
    const read = (keys: Buffer) => {
      for (const [place, key] of keys.entries()) {
        if (key === CTRL_C) return finish(() => process.exit(INTERRUPTED))
        if (key === CR || key === LF) {
          // What was typed ahead belongs to the next question.
          stdin.unshift(keys.subarray(place + 1))
          return finish(() => resolve(Buffer.from(typed)))
        }
        if (key === CTRL_D)
          return finish(() => reject(new CommandError(exitCode.badData, 'no password was typed')))
        if (key === CTRL_U) typed = []
        else if (BACKSPACES.includes(key)) typed = withoutLastCharacter(typed)
        else typed.push(key)
      }
    }
    stdin.on('data', read)
  })
}

/** UTF-8: a character is its first byte and the continuation bytes behind it. */
function withoutLastCharacter(bytes: number[]): number[] {
  let end = bytes.length - 1
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--
  return bytes.slice(0, Math.max(end, 0))
}
