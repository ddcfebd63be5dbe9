// Where tries are counted: in this process, or in a store that all copies share.

/** One group of one rule, as an attempt meets it. */
export interface Tally {
  readonly group: string
  /** What this attempt counts as. */
  readonly member: string
  /** So many in the window, and no more is let in. */
  readonly limit: number
  /** The limit is higher by as many as stand in this group: users who are known at that place. */
  readonly allowance?: string | undefined
  /** The limit does not hold while fewer than so many stand in that group. */
  readonly spared?: { readonly group: string; readonly below: number } | undefined
  /** Asked of attempts whose user is known at that network, or of the others. */
  readonly forKnown: boolean
  /** Counted when the attempt is let in, so that many at once do not all get past. */
  readonly countsAtOnce: boolean
}

export interface Question {
  /** The pair of user and network; whether it is known decides which tallies count. */
  readonly pair?: string
  /** The pair is known to whoever asks, for so long yet: a store that has lost its memory takes that for its own. */
  readonly knownForMs?: number
  readonly tallies: readonly Tally[]
}

export interface Counted {
  /**
   * How many there are in the tally's group; undefined: the tally does not count. An attempt that is among them already
   * is not counted twice, until the limit is reached: in the few bits of a pwhash many guesses look like repeated ones.
   */
  readonly count: number | undefined
  readonly limit: number
}

export interface Outcome {
  /** The pair of user and network; known from now on after a success. */
  readonly pair: string | undefined
  /** As in Question. */
  readonly knownForMs?: number
  /** What is counted: of a known user's failures only what is for known ones. */
  readonly failed: readonly (Pick<Tally, 'group' | 'member' | 'forKnown'> &
    Partial<Pick<Tally, 'countsAtOnce'>>)[]
  /** What was counted at once and is not held against anybody. */
  readonly forgiven: readonly Pick<Tally, 'group' | 'member'>[]
  /** The user, among those who are known at these places. */
  readonly allowances: readonly { readonly group: string; readonly member: string }[]
  readonly succeeded: boolean
}

export interface TryStore {
  /** In the order of the tallies. Counts what counts at once unless a limit is reached. undefined: no answer in time. */
  judge(question: Question): Promise<readonly Counted[] | undefined>
  record(outcome: Outcome): Promise<void>
  /** How many stand in these groups. */
  counts(groups: readonly string[]): Promise<readonly number[]>
  /** Forgets these groups, and those that look so. */
  forget(groups: readonly string[], alike?: readonly GroupPattern[]): Promise<void>
}

/** Groups whose names begin and end so, with one word between, or with anything behind if nothing ends them. */
export interface GroupPattern {
  readonly begins: string
  readonly ends: string
}

export function isAlike(name: string, { begins, ends }: GroupPattern): boolean {
  if (!name.startsWith(begins) || !name.endsWith(ends)) return false
  return ends === '' || !name.slice(begins.length, -ends.length).includes(' ')
}

/** More members of a group are not remembered: no limit is higher. */
export const MOST_MEMBERS = 2048
