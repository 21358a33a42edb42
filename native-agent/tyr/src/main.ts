// Tyr as a process: everything is loaded after V8 was told to be small. With `--load-only` it ends when all is loaded.
import { keepHeapSmall } from './lean-heap.ts';

keepHeapSmall();
const { runTyr } = await import('./run-tyr.ts');
if (!process.argv.includes('--load-only')) await runTyr();
