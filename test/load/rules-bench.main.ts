// `norn bench rules`: what the rules cost an event, over sets of 30 to 30,000; with --json the figures alone.
import { parseArgs } from 'node:util';
import { dearestRules, measureRules, rulesTable } from './src/rules.bench.ts';

const { values } = parseArgs({ options: { json: { type: 'boolean', default: false } } });

const figures = measureRules((line) => {
  process.stderr.write(`${line} …\n`);
});
if (!values.json) {
  process.stdout.write(`${rulesTable(figures)}\n\nDearest of Norn's own rules, ns an event:\n`);
  for (const { file, nsPerEvent } of dearestRules().slice(0, 8))
    process.stdout.write(`${String(nsPerEvent).padStart(8)}  ${file}\n`);
  process.stdout.write('\n');
}
process.stdout.write(`${JSON.stringify(figures, null, values.json ? 0 : 2)}\n`);
