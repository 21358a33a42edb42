// `norn doctor`: what is missing, why it is needed, and the command that gets it.
import { isPortFree, portOwner } from '@norn/embedded';
import { columns, write, writeJson } from '../print/columns.ts';
import { findInstallation, makeFolders, type Installation } from '../installation/installation.ts';
import { inspectMachine } from '../machine/inspect-machine.ts';
import { cargoCure, isThere, missingPackages } from '../machine/packages.ts';
import { readRunState } from '../installation/run-state.ts';

const both = { installation: true, agent: true };

interface Finding {
  readonly name: string;
  readonly fine: boolean;
  readonly sentence: string;
  readonly cure: string;
}

export async function doctor(json: boolean): Promise<void> {
  const installation = findInstallation();
  makeFolders(installation);
  const findings = [...machine(installation), ...packages(), cargo(), docker(), ...(await ports(installation))];
  if (json) writeJson(findings);
  else {
    const rows = findings.map(({ fine, name, sentence, cure }) => [fine ? '✓' : '✗', name, sentence, fine ? '' : cure]);
    write(columns(rows));
    if (findings.every(({ fine }) => fine)) write('Nothing is missing');
  }
}

function machine(installation: Installation): Finding[] {
  const findings = inspectMachine(installation, both);
  return findings.map(({ name, state, sentence, cure }) => ({ name, fine: state === 'fine', sentence, cure }));
}

function packages(): Finding[] {
  return missingPackages(both).map((need) => ({
    name: need.package,
    fine: false,
    sentence: `missing; ${need.purpose}`,
    cure: `apt-get install ${need.package} (./norn up does it)`,
  }));
}

function cargo(): Finding {
  const fine = isThere('cargo');
  return { name: 'cargo', fine, sentence: fine ? 'found' : 'missing; builds the agent', cure: cargoCure };
}

function docker(): Finding {
  const fine = isThere('/var/run/docker.sock');
  const sentence = fine ? '/var/run/docker.sock' : 'no Docker; containers of other runtimes are protected all the same';
  return { name: 'docker', fine, sentence, cure: 'apt-get install docker.io, for ./norn attack --container' };
}

async function ports(installation: Installation): Promise<Finding[]> {
  if (readRunState(installation)?.phase === 'ready') return [];
  const taken: Finding[] = [];
  for (const [name, port] of Object.entries(installation.ports) as [string, number][]) {
    if (await isPortFree(port)) continue;
    const sentence = `port ${port} (${name}) is taken by ${portOwner(port) ?? 'something unseen'}`;
    taken.push({ name: 'port', fine: false, sentence, cure: 'stop it, or set NORN_PORT_BASE' });
  }
  return taken;
}
