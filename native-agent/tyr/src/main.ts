// Tyr as a process: everything is loaded after V8 was told to be small.
import { keepHeapSmall } from './lean-heap.ts';

keepHeapSmall();
const { runTyr } = await import('./run-tyr.ts');
await runTyr();
