// Compiles the agent, its tests and all that they run, as the target of native-agent/project.json calls it.
import { compileAgent } from './nextest.ts';

process.exitCode = await compileAgent();
