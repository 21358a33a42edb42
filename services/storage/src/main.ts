// Storage as a process of its own.
import { runService } from '@norn/pipeline';
import { storage } from './index.ts';

await runService(storage);
