// `cargo nextest …` for the agent, as its targets in native-agent/project.json call it.
import { runNextest } from './nextest.ts';

process.exitCode = await runNextest(process.argv.slice(2));
