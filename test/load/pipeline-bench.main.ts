// `norn bench pipeline`: the table, then the same as JSON; with --json the JSON alone.
import { parseArgs } from 'node:util';
import { busTlsOf, tableOf } from './src/pipeline-figures.ts';
import { runPipelineBench } from './src/pipeline.bench.ts';

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    hosts: { type: 'string' },
    batches: { type: 'string' },
    'batch-events': { type: 'string' },
  },
});

const options = {
  ...(values.hosts === undefined ? {} : { hosts: Number(values.hosts) }),
  ...(values.batches === undefined ? {} : { batchesPerHost: Number(values.batches) }),
  ...(values['batch-events'] === undefined ? {} : { eventsPerBatch: Number(values['batch-events']) }),
  progress: (line: string): void => {
    process.stderr.write(`${line} …\n`);
  },
};
const secured = await runPipelineBench(options);
options.progress('once more without TLS on the bus');
const plain = await runPipelineBench({ ...options, plainBus: true });
const figures = { ...secured, busTlsNsPerEvent: busTlsOf(secured, plain) };
if (!values.json) process.stdout.write(`${tableOf(figures)}\n\n`);
process.stdout.write(`${JSON.stringify(figures, null, values.json ? 0 : 2)}\n`);
