// Remediation as a process of its own.
import { runService } from '@norn/stage';
import { remediation } from './index.ts';

await runService(remediation);
