// crypt(3) of this platform, asked through perl(1): nothing to compile or to install where there is a perl, which
// Debian and its children never lack.

import { existsSync } from 'node:fs'
import { LineProcess } from './line-process.js'
import { NotAvailable } from './not-available.js'
import type { PlatformCrypt } from './slow-hash.js'

type Kind = PlatformCrypt['kind'] | 'bcrypt'

/** Made by libxcrypt 4.4.33 of `secret`: what a platform must know before it is asked about a password. */
const known: Readonly<Record<Kind, string>> = {
  yescrypt: '$y$j75$saltsalt$0gBD67sgmJgRX3RZ6wHHO7sHimQEWGCWN85o4Twogh2',
  'gost-yescrypt': '$gy$j75$saltsalt$lKLXtt/QvsyxW9ILYZt1u1hNXyI7ZoBnbdUTsPBwSi5',
  scrypt: '$7$8/..../....saltsalt$4DKM0aTHk8PFADkOpha9/kQQPnVdjKFNb1MCZWcX1I/',
  'sha1-crypt': '$sha1$100$saltsalt$Ha3.cIN7/tE/BC10wmSUA1dp.M5W',
  'sun-md5': '$md5,rounds=1$saltsalt$$ufSka8SUJ1L0LvZmeo5Ve0',
  'bsdi-crypt': '_J9..saltLXKE4peqNCg',
  'nt-hash': '$3$$878d8014606cda29677a44efa1353fc7',
  bcrypt: '$2b$04$saltsaltsaltsaltsaltse9wZgS.lYgco58c1u4uv2bpBRUoZBzse',
}

/**
 * Lines of password and setting, each in hex; the answers likewise. The password is in no argv. While it computes, the
 * end of its input is a signal that ends it: whoever asked may have been killed, and crypt(3) can take minutes and a
 * gigabyte.
 */
const program = `use Fcntl;
$| = 1;
fcntl STDIN, F_SETOWN, $$;
my $flags = fcntl STDIN, F_GETFL, 0;
while (<STDIN>) {
  chomp;
  fcntl STDIN, F_SETFL, $flags | O_ASYNC;
  my ($password, $setting) = map { pack "H*", $_ } split / /, $_, 2;
  my $hash = crypt($password, $setting) // "";
  fcntl STDIN, F_SETFL, $flags + 0;
  print unpack("H*", $hash), "\\n";
}`

/** Never by PATH, which somebody else may have set. */
const PLACES = ['/usr/bin/perl', '/bin/perl', '/usr/local/bin/perl']

export class CryptByPerl {
  readonly #path: string | undefined
  readonly #perl: LineProcess
  readonly #knows = new Map<Kind, boolean>()

  /** Starts nothing until it is asked. */
  constructor(places: readonly string[] = PLACES) {
    this.#path = places.find(place => existsSync(place))
    this.#perl = new LineProcess(this.#path ?? '', ['-e', program])
  }

  /** For the log. */
  get name(): string {
    return this.#path === undefined ? 'nothing, there is no perl' : `crypt(3) through ${this.#path}`
  }

  /**
   * The whole value that crypt(3) makes; one question after the other. Throws NotAvailable where this platform does not
   * know the method.
   */
  async compute(kind: Kind, setting: Uint8Array, password: Uint8Array): Promise<Uint8Array> {
    if (!(await this.#isKnown(kind))) throw new NotAvailable(`${kind} is not known to crypt(3) here`)
    const made = await this.#ask(setting, password)
    // `*0`: what we read as sound crypt(3) does not. That is no wrong password.
    if (!made.subarray(0, setting.length).equals(setting)) throw new Error(`crypt(3) refuses this ${kind}`)
    return made
  }

  async #isKnown(kind: Kind): Promise<boolean> {
    if (this.#path === undefined)
      throw new NotAvailable(`${kind} takes crypt(3) through perl, which is missing here`)
    const isKnown = this.#knows.get(kind)
    if (isKnown !== undefined) return isKnown
    const expected = Buffer.from(known[kind], 'latin1')
    const isRight = (await this.#ask(expected, Buffer.from('secret'))).equals(expected)
    this.#knows.set(kind, isRight)
    return isRight
  }

  async #ask(setting: Uint8Array, password: Uint8Array): Promise<Buffer> {
    return Buffer.from(await this.#perl.ask(`${hexOf(password)} ${hexOf(setting)}`), 'hex')
  }

  /** Ends what it started; the next question starts anew. */
  end(): void {
    this.#perl.end()
  }

  /** Ends it in the middle of a hash, too, and for good. Resolves when it is gone. */
  stop(): Promise<void> {
    return this.#perl.stop()
  }
}

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

export const platformCrypt = new CryptByPerl()
