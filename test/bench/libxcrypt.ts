// libxcrypt's crypt_r in a tiny C program, compiled when it is needed: what password verification is measured by.

import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const source = `
#include <crypt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}
int main(int argc, char **argv) {
  if (argc < 4) return 2;
  struct crypt_data data;
  memset(&data, 0, sizeof data);
  double seconds = atof(argv[3]), start = now();
  long count = 0;
  do {
    char *hash = crypt_r(argv[1], argv[2], &data);
    if (!hash || hash[0] == '*') return 1;
    count++;
  } while (now() - start < seconds);
  printf("%f\\n", count / (now() - start));
  return 0;
}
`

export interface Libxcrypt {
  /** How many hashes a second of CPU gives. */
  perSecond(password: string, setting: string, seconds: number): number
  close(): void
}

/** Compiles the program. What is missing is said in the reason. */
export function buildLibxcrypt(): Libxcrypt | { readonly missing: string } {
  const folder = mkdtempSync(join(tmpdir(), 'homing-libxcrypt-'))
  const close = () => rmSync(folder, { recursive: true, force: true })
  const program = join(folder, 'crypt-speed')
  try {
    writeFileSync(`${program}.c`, source)
    execFileSync('cc', ['-O2', '-o', program, `${program}.c`, '-lcrypt'], { stdio: 'pipe' })
  } catch {
    close()
    return { missing: 'no C compiler with libcrypt (apt-get install gcc libc6-dev libcrypt-dev)' }
  }
  return {
    perSecond: (password, setting, seconds) =>
      Number(execFileSync(program, [password, setting, String(seconds)], { encoding: 'utf8' })),
    close,
  }
}
