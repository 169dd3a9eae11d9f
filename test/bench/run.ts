// `npm run bench [-- HANDLER...]`: measures the built daemon on this machine and prints one JSON object per figure.
// `npm run bench -- monitor`: the native monitor beside conmon, as a table.
// `npm run bench -- pull [WORD...]`: pulls beside containerd and skopeo, as tables; of the cases whose title has a word.
// `npm run bench -- stream`: exec, port-forward and ExecSync beside containerd, as a table.
// Compare only figures of one machine and one run; nothing here passes or fails.

import { missing } from '../harness/requirements.ts';
import { summarize } from './measure.ts';
import { monitorBench } from './monitor.bench.ts';
import { podStart } from './pod-start.bench.ts';
import { pullBench } from './pull.bench.ts';
import { streamBench } from './stream.bench.ts';

async function main(handlers: readonly string[]): Promise<void> {
  for (const handler of handlers) {
    const reason = missing(handler);
    if (reason !== false) {
      console.error(`${handler}: not measured: ${reason}`);
      continue;
    }
    for (const sample of await podStart(handler)) console.log(JSON.stringify(summarize(sample)));
  }
}

const named = process.argv.slice(2);
if (named[0] === 'monitor') await monitorBench((text) => console.log(text));
else if (named[0] === 'pull') await pullBench(named.slice(1));
else if (named[0] === 'stream') await streamBench();
else await main(named.length > 0 ? named : ['runc', 'crun']);
