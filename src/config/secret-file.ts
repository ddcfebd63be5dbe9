// Reads a secret from the file that a `<key>_file` setting names.

import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'

export const SECRET_FILE_LIMIT_BYTES = 64 * 1024

/** The secret without its closing line break, or why the file will not do. The contents are in no message. */
export type SecretFile =
  | { readonly secret: string; readonly worldReadable: boolean }
  | { readonly wrong: string; readonly right: string }

/** Reads the file: regular, not empty, at most 64 KiB, UTF-8 without NUL. One line break at the end is cut. */
export function readSecretFile(path: string): SecretFile {
  let fd: number
  try {
    // Without O_NONBLOCK, opening a fifo that nobody writes to would wait for ever.
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (error) {
    return { wrong: `cannot read ${path}: ${(error as Error).message}`, right: 'a file that Homing may read' }
  }
  try {
    return readOpenSecret(fd, path)
  } finally {
    closeSync(fd)
  }
}

function readOpenSecret(fd: number, path: string): SecretFile {
  const status = fstatSync(fd)
  if (!status.isFile()) return { wrong: `${path} is not a regular file`, right: 'a regular file' }

  // Read and not asked for its size: what counts is what is in it now.
  const buffer = Buffer.alloc(SECRET_FILE_LIMIT_BYTES + 1)
  let length = 0
  for (let got = -1; got !== 0 && length < buffer.length; length += got) {
    got = readSync(fd, buffer, length, buffer.length - length, null)
  }
  if (length > SECRET_FILE_LIMIT_BYTES) return { wrong: `${path} is too large`, right: 'at most 64 KiB' }

  const secret = decodeUtf8(buffer.subarray(0, length))?.replace(/\r?\n$/, '')
  if (secret === undefined || secret.includes('\0')) {
    return { wrong: `${path} does not hold text`, right: 'UTF-8 without NUL' }
  }
  if (secret === '') return { wrong: `${path} is empty`, right: 'the secret, on one line' }
  return { secret, worldReadable: (status.mode & 0o004) !== 0 }
}

function decodeUtf8(bytes: Buffer): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}
