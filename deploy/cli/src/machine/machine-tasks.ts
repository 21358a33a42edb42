// What `up` and `join` both do to a machine before anything of Norn runs on it.
import type { ListrTask } from 'listr2';
import { buildAgent } from './build.ts';
import type { Installation } from '../installation/installation.ts';
import { inspectMachine, refuseUnusable, type Halves } from './inspect-machine.ts';
import { installPackages, missingPackages } from './packages.ts';

/** `andMore`: what else can be in the way. */
export function checkMachine(installation: Installation, halves: Halves, andMore?: () => Promise<void>): ListrTask {
  return {
    title: 'Check the machine',
    task: async (_, task) => {
      const findings = inspectMachine(installation, halves);
      refuseUnusable(findings);
      await andMore?.();
      const doubts = findings
        .filter(({ state }) => state === 'doubtful')
        .map(({ sentence, cure }) => `${sentence}; ${cure}`);
      if (doubts.length > 0) task.title = `Check the machine: ${doubts.join(' · ')}`;
    },
  };
}

export function installMissing(halves: Halves): ListrTask {
  return {
    title: 'Install what is missing',
    skip: () => missingPackages(halves).length === 0,
    task: async (_, task) => {
      const names = missingPackages(halves).map((need) => need.package);
      task.title = `Install ${names.join(', ')}`;
      await installPackages(names, (line) => (task.output = line));
    },
  };
}

export function buildAgentTask(installation: Installation): ListrTask {
  return {
    title: 'Agent',
    task: (_, task) =>
      buildAgent(installation, (line) => {
        task.output = line;
      }),
  };
}
