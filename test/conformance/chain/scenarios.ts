// What the matrix cannot say: names that change, fields that are protected or removed, filters, and the odd ends of
// master logins. Where a Dovecot differs from us, its own words stand beside the reason.

import type { ChainQuestion } from '../../../src/auth/chain-outcome.js'
import type { PassdbResult } from '../../../src/model/passdb-result.js'
import type { Block, DovecotVersion } from './passdb-block.js'

/** A link and what it says: a result, or the fields of an ok. It always adds the name it was asked about. */
export interface ScenarioLink extends Omit<Block, 'name' | 'lua'> {
  readonly says: Exclude<PassdbResult, 'ok' | 'next'> | `ok${'' | ` ${string}`}`
}

export interface Scenario {
  readonly title: string
  readonly links: readonly ScenarioLink[]
  /** Default anna@example.org. */
  readonly user?: string
  readonly master?: string
  readonly question?: ChainQuestion
  /** The question is which of the passwords 1, 2 and 3 opens the account when Dovecot looks it up. */
  readonly password?: true
  /** default_fields and override_fields exist only in 2.3. */
  readonly only?: DovecotVersion
  /** Its links are the whole configuration, instead of being picked by the user name. */
  readonly alone?: boolean
  /** What a Dovecot says instead, and why we do not. The word ID stands for what the user's name begins with. */
  readonly differs?: { readonly reason: string } & Partial<Readonly<Record<DovecotVersion, string>>>
}

const goOn = { success: 'continue' } as const

export const scenarios: readonly Scenario[] = [
  {
    title: 'a new name is seen by the next link',
    links: [{ ...goOn, says: 'ok user=ID-bert@example.net' }, { says: 'ok' }],
  },
  {
    title: 'username keeps the domain',
    links: [{ ...goOn, says: 'ok username=ID-bert' }, { says: 'ok' }],
  },
  {
    title: 'username with a domain replaces it',
    links: [{ ...goOn, says: 'ok username=ID-bert@example.net' }, { says: 'ok' }],
  },
  {
    title: 'domain replaces the domain',
    links: [{ ...goOn, says: 'ok domain=example.net' }, { says: 'ok' }],
  },
  {
    title: 'domain is added where there was none',
    user: 'anna',
    links: [{ ...goOn, says: 'ok domain=example.net' }, { says: 'ok' }],
  },
  { title: 'the first @ parts the name', user: 'anna@b@c', links: [{ says: 'ok domain=d' }] },
  {
    title: 'names change in the order of the fields',
    links: [{ says: 'ok user=ID-x@y domain=z username=ID-w' }],
  },
  {
    title: 'a userdb name renames too',
    links: [{ ...goOn, says: 'ok userdb_user=ID-bert userdb_uid=7' }, { says: 'ok' }],
  },
  {
    title: 'an empty user fails the lookup',
    links: [{ says: 'ok a=1 user=' }, { failure: 'return-fail', says: 'user_unknown' }],
  },
  {
    title: 'an empty user under noauthenticate does not',
    links: [{ says: 'ok noauthenticate=y user=' }, { says: 'ok' }],
  },
  {
    title: 'an empty username fails the lookup',
    links: [{ says: 'ok username=' }],
    differs: {
      reason: 'a user without a local part is nobody, or worse, everybody of the domain',
      '2.3': 'OK at0=ID-anna@example.org original_user=ID-anna@example.org user=@example.org',
      '2.4': 'OK at0=ID-anna@example.org original_user=ID-anna@example.org user=@example.org',
    },
  },
  {
    title: 'an empty domain fails the lookup',
    links: [{ says: 'ok domain=' }],
    differs: {
      reason: 'the same of a user with an empty domain',
      '2.3': 'OK at0=ID-anna@example.org original_user=ID-anna@example.org user=ID-anna@',
      '2.4': 'OK at0=ID-anna@example.org original_user=ID-anna@example.org user=ID-anna@',
    },
  },
  {
    title: 'a name that a refusing link gave is forgotten',
    links: [{ says: 'ok user=ID-bert fail=y' }, { says: 'ok' }],
    differs: {
      reason: 'Dovecot rolls back fields but not the name: the next passdb would let anna in as bert',
      '2.3': 'OK at1=ID-bert original_user=ID-anna@example.org user=ID-bert',
      '2.4': 'OK at1=ID-bert original_user=ID-anna@example.org user=ID-bert',
    },
  },
  {
    title: 'fields of a refusing link are forgotten, also if it overwrites one that was known',
    links: [{ ...goOn, says: 'ok a=1' }, { says: 'ok b=2 a=2 fail=y' }, { says: 'ok' }],
    differs: {
      reason:
        'the copy that Dovecot rolls back to is made when the first known field is overwritten, and has b already',
      '2.3': 'OK a=1 at0=ID-anna@example.org at2=ID-anna@example.org b=2 user=ID-anna@example.org',
      '2.4': 'OK a=1 at0=ID-anna@example.org at2=ID-anna@example.org b=2 user=ID-anna@example.org',
    },
  },
  {
    title: 'fields of a refusing link are forgotten, also if it says nopassword',
    links: [{ ...goOn, says: 'ok a=1' }, { says: 'ok b=2 nopassword=y fail=y' }, { says: 'ok' }],
    differs: {
      reason: 'the same, when nopassword is taken away',
      '2.3':
        'OK a=1 at0=ID-anna@example.org at1=ID-anna@example.org at2=ID-anna@example.org b=2 user=ID-anna@example.org',
      '2.4':
        'OK a=1 at0=ID-anna@example.org at1=ID-anna@example.org at2=ID-anna@example.org b=2 user=ID-anna@example.org',
    },
  },
  {
    title: 'a deny link refuses whom it finds, even if a field of its own would have failed the lookup',
    links: [{ deny: true, says: 'ok fail=y' }, { says: 'ok' }],
  },
  {
    title: 'what a deny link says about the user goes to the client',
    links: [{ deny: true, says: 'ok reason=moved' }, { says: 'ok' }],
  },
  {
    title: 'a deny link lets the unknown pass',
    links: [{ deny: true, says: 'user_unknown' }, { says: 'ok' }],
  },
  {
    title: 'a field that fails the lookup does not fail noauthenticate',
    links: [{ says: 'ok noauthenticate=y fail=y' }, { says: 'ok' }],
  },
  { title: 'an expired password has its reason', links: [{ says: 'pass_expired' }] },
  {
    title: 'default fields give way, override fields do not',
    only: '2.3',
    links: [{ defaultFields: 'a=d b=d', overrideFields: 'b=o c=o', says: 'ok a=1 c=1' }],
  },
  {
    title: 'protected fields are set only if nobody has set them, not even an earlier link',
    only: '2.3',
    links: [
      { ...goOn, says: 'ok a=1' },
      {
        defaultFields: 'a:protected=d b:protected=d',
        overrideFields: 'b:protected=o c:protected=o',
        says: 'ok c=2',
      },
    ],
  },
  {
    title: 'a found field can be protected or remove another',
    only: '2.3',
    links: [{ ...goOn, says: 'ok a=1 b=1' }, { says: 'ok a:protected=2 c:protected=2 b:remove=' }],
  },
  {
    title: 'a found field can be a default or remove another',
    only: '2.4',
    links: [{ ...goOn, says: 'ok a=1 b=1' }, { says: 'ok a:default=2 c:default=2 b:remove=' }],
  },
  {
    title: 'override fields can remove what an earlier link has set',
    only: '2.3',
    links: [
      { ...goOn, says: 'ok a=1 b=1' },
      { overrideFields: 'a:remove', says: 'ok' },
    ],
  },
  {
    title: 'default and override fields of a refusing link are forgotten',
    only: '2.3',
    links: [{ defaultFields: 'a=d', overrideFields: 'b=o', says: 'password_mismatch' }, { says: 'ok' }],
  },
  {
    title: 'default fields can rename, and what is found renames again',
    only: '2.3',
    links: [{ defaultFields: 'username=ID-bert', overrideFields: 'domain=z', says: 'ok user=ID-x@y' }],
  },
  {
    title: 'override fields can say noauthenticate only too late',
    only: '2.3',
    links: [{ overrideFields: 'noauthenticate=y', says: 'ok' }],
  },
  {
    title: 'a mechanism that is not listed skips the link',
    links: [
      { mechanisms: 'login cram-md5', says: 'ok a=1' },
      { mechanisms: 'Login PLAIN', says: 'ok' },
    ],
  },
  {
    title: 'a lookup skips links that list mechanisms',
    question: 'lookup',
    links: [{ mechanisms: 'plain', says: 'ok' }, { says: 'ok' }],
  },
  {
    title: 'a lookup asks a link that lists none among its mechanisms',
    only: '2.3',
    question: 'lookup',
    links: [{ mechanisms: 'plain none', says: 'ok' }],
  },
  {
    title: 'a lookup asks a link that lists nothing but lookup',
    only: '2.4',
    question: 'lookup',
    links: [{ mechanisms: 'lookup', says: 'ok' }],
  },
  {
    title: 'when all links are skipped it is a temporary failure',
    links: [
      { skip: 'unauthenticated', says: 'ok' },
      { mechanisms: 'login', says: 'ok' },
    ],
  },
  {
    title: 'leading links that wait for a verified password are dropped, not only skipped',
    alone: true,
    master: 'adm',
    links: [
      { master: true, skip: 'unauthenticated', says: 'ok' },
      { master: true, ...goOn, says: 'ok' },
      { skip: 'unauthenticated', success: 'return-fail', says: 'ok a=1' },
      { skip: 'unauthenticated', success: 'return-fail', says: 'ok b=1' },
      { says: 'ok c=1' },
    ],
  },
  {
    title: 'a master who may only be himself is asked nothing else',
    master: 'adm',
    links: [{ master: true, says: 'ok m=1' }, { says: 'ok a=1' }],
  },
  {
    title: 'a master hands over to the first normal link, not to the next master',
    master: 'adm',
    links: [
      { ...goOn, says: 'ok a=1' },
      { master: true, ...goOn, says: 'ok m=1' },
      { master: true, says: 'password_mismatch' },
      { says: 'ok b=1' },
    ],
  },
  {
    title: 'a refused master hands over to the next master, and no normal link is asked',
    master: 'adm',
    links: [
      { says: 'ok a=1' },
      { master: true, says: 'password_mismatch' },
      { master: true, says: 'user_unknown' },
    ],
  },
  {
    title: 'a master whose login user is unknown is told so',
    master: 'adm',
    links: [{ master: true, ...goOn, says: 'ok m=1' }, { says: 'user_unknown' }],
  },
  {
    title: 'a master with continue and no normal link to ask gets nowhere',
    master: 'adm',
    links: [
      { master: true, ...goOn, says: 'ok m=1' },
      { skip: 'authenticated', says: 'ok' },
    ],
  },
  {
    title: 'a master password that continue-fail did not accept is tried on the user',
    master: 'adm',
    links: [{ master: true, success: 'continue-fail', says: 'ok m=1' }, { says: 'ok' }],
  },
  {
    title: 'a master can be renamed, and can rename the login user',
    master: 'adm',
    links: [{ master: true, says: 'ok user=ID-root login_user=ID-bert' }],
  },
  {
    title: 'a normal passdb cannot make anybody somebody else',
    links: [{ says: 'ok login_user=ID-bert' }],
    differs: {
      reason: 'login_user belongs to master passdbs; Dovecot would log in bert',
      '2.3':
        'OK at0=ID-anna@example.org auth_user=ID-anna@example.org original_user=ID-anna@example.org user=ID-bert',
      '2.4':
        'OK at0=ID-anna@example.org auth_user=ID-anna@example.org original_user=ID-anna@example.org user=ID-bert',
    },
  },
  {
    title: 'the filters of normal links look at the login user',
    master: 'adm',
    links: [
      { master: true, ...goOn, says: 'ok' },
      { usernameFilter: '!*adm*', says: 'ok a=1' },
    ],
    differs: {
      reason: '2.4.1 tries them on the name of the master, finds nobody to ask, and ends there',
      '2.4': 'FAIL at0=ID-adm auth_user=ID-adm code=authz_fail original_user=ID-adm user=ID-anna@example.org',
    },
  },
  {
    title: 'the last password counts',
    password: true,
    links: [
      { ...goOn, says: 'ok password=1' },
      { ...goOn, says: 'ok password=2' },
      { says: 'ok password=3' },
    ],
  },
  {
    title: 'the first password counts if the last link has none',
    password: true,
    links: [
      { ...goOn, says: 'ok password=1' },
      { ...goOn, says: 'ok password=2' },
      { says: 'ok nopassword=y' },
    ],
  },
  {
    title: 'a password that continue-fail did not accept does not count',
    password: true,
    links: [
      { success: 'continue-fail', says: 'ok password=1' },
      { ...goOn, says: 'ok password=2' },
      { says: 'ok nopassword=y' },
    ],
  },
  {
    title: 'a password counts although a later link knows nobody',
    password: true,
    links: [
      { success: 'continue-ok', says: 'ok password=1' },
      { failure: 'return', says: 'user_unknown' },
    ],
  },
  {
    title: 'the password of a link that the next one overrules does not count',
    password: true,
    links: [
      { success: 'continue-ok', says: 'ok password=1' },
      { failure: 'return-fail', says: 'user_unknown' },
    ],
  },
]
