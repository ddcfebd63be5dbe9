// What a test starts is started as an operator would start it. tap has every Node below it record what it loads, which the
// program that we ship does not do, and which takes it more than twice the time to start.

import processOnSpawn from 'process-on-spawn'

processOnSpawn.removeAllListeners()
// What tap has left here for whoever inherits the environment.
delete process.env.NODE_OPTIONS
