import { settings, words } from '../../model/setting.js'

/** Where the dict protocol is spoken: unix sockets only, whose permissions say who may see stored passwords. */
export const dictSettings = settings({
  dict_listen: words(
    'unix sockets for `passdb dict` and `userdb dict` of Dovecot 2.3: `unix:/run/homing/dict.sock`; whoever may connect there is shown stored passwords',
    [],
  ),
})
