import t from 'tap'
import { findPathHarm } from '../../../src/model/safe-path.js'
import { compileTemplateOf, userVariables } from '../../../src/model/variables.js'

const harm = (template: string, user: string) =>
  findPathHarm(compileTemplateOf(userVariables, template, 'home'), { user })

t.test('an ordinary name makes an ordinary path', async t => {
  for (const user of [
    'anna@example.org',
    'a..b@x',
    '...@x',
    '.hidden@x',
    'DOM\\anna@x',
    '%n@x',
    'a b@x',
    'ä@ü',
  ]) {
    t.equal(harm('/srv/mail/%d/%n', user), undefined, user)
  }
  t.equal(harm('maildir:~/Maildir/%n', 'anna'), undefined)
  t.equal(harm('/srv//mail/%n/', 'anna'), undefined, 'what the operator wrote stays as it is')
  t.equal(harm('/srv/%{user | domain | default("local")}/%n', 'anna'), undefined)
})

t.test('a separator or a control character in the name is harm', async t => {
  for (const user of ['a/b@x', '../../etc@x', 'anna@../x', '/@x', 'a\0@x', 'a\n@x']) {
    t.match(harm('/srv/mail/%d/%n', user), /separator or a control character/, JSON.stringify(user))
  }
  t.match(harm('/srv/mail/%{user | username | upper}', 'a/b'), /separator/)
})

t.test('a name that is a dot or two is harm, also when it is made of parts', async t => {
  for (const user of ['..@x', '.@x', 'anna@..', 'anna@.'])
    t.match(harm('/srv/%d/%n', user), /\. or \.\./, user)
  t.match(harm('/srv/%n%d/x', '.@.'), /\. or \.\./)
  t.match(harm('/srv/.%n', '.'), /\. or \.\./)
  t.match(harm('maildir:%n', '..'), /\. or \.\./)
})

t.test('a missing part would be another directory', async t => {
  t.match(harm('/srv/%d/%n', 'example.org'), /empty part/, 'the directory of a domain')
  t.match(harm('/srv/%d', 'anna'), /empty part/, 'the directory of all')
  t.match(harm('/srv/%n/%d/', '@x'), /empty part/)
})

t.test('a template without variables is the operator’s word', async t => {
  t.equal(harm('/srv/../mail', 'anna'), undefined)
})
