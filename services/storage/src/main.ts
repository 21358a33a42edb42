// Storage as a process of its own.
import { runService } from '@norn/stage';
import { storage } from './index.ts';

await runService(storage);
