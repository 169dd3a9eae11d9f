// `npm run bench [-- RUNTIME...]`: the life of pods beside containerd, under runc and crun.
// `npm run bench -- monitor`: the native monitor beside conmon.
// `npm run bench -- pull [WORD...]`: pulls beside containerd and skopeo; of the cases whose title has a word.
// `npm run bench -- stream`: exec, port-forward and ExecSync beside containerd.
// Compare only figures of one machine and one run; a target that is missed fails nothing.

import { monitorBench } from './monitor.bench.ts';
import { benchRuntimes, podsBench } from './pods.bench.ts';
import { pullBench } from './pull.bench.ts';
import { streamBench } from './stream.bench.ts';

const named = process.argv.slice(2);
if (named[0] === 'monitor') await monitorBench((text) => console.log(text));
else if (named[0] === 'pull') await pullBench(named.slice(1));
else if (named[0] === 'stream') await streamBench();
else await podsBench(benchRuntimes.filter((runtime) => named.length === 0 || named.includes(runtime)));
