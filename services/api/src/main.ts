// The API as a process of its own.
import { runService } from '@norn/pipeline';
import { api } from './index.ts';

await runService(api);
