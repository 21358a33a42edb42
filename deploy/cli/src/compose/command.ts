// `norn secrets`: what an installation elsewhere needs, as files.
import { join, resolve } from 'node:path';
import { NornError } from '@norn/base';
import type { Command } from 'commander';
import { write } from '../print/columns.ts';

interface Flags {
  readonly release: string;
  readonly namespace: string;
  readonly name: readonly string[];
}

/** RFC 1123, as Kubernetes has it for names of releases and namespaces. */
const label = /^[a-z0-9]([a-z0-9-]{0,51}[a-z0-9])?$/;

export function registerSecretsCommand(program: Command): void {
  program
    .command('secrets <folder>')
    .description('Make the keys, certificates and passwords of an installation in Kubernetes; what is there stays')
    .option('--release <name>', 'name of the Helm release', 'norn')
    .option('--namespace <name>', 'its namespace', 'norn')
    .option('--name <host...>', 'more names or addresses at which agents reach ingest', [])
    .action(async (folder: string, { release, namespace, name }: Flags) => {
      for (const given of [release, namespace]) {
        if (!label.test(given)) throw new NornError('name_invalid', `"${given}" can not be a name in Kubernetes`);
      }
      const { makeServiceSecrets } = await import('./secrets.ts');
      const at = (service: string): string[] => {
        const short = `${release}-${service}`;
        return [short, `${short}.${namespace}`, `${short}.${namespace}.svc`, `${short}.${namespace}.svc.cluster.local`];
      };
      const place = resolve(folder);
      await makeServiceSecrets(place, { ingest: [...at('ingest'), ...name], stores: at });
      const secret = `kubectl -n ${namespace} create secret generic`;
      write(`${secret} norn-secrets --from-file=${place}`);
      const ofAgents = ['join.token', 'authority.cert.pem'].map((file) => `--from-file=${join(place, file)}`).join(' ');
      write(`${secret} norn-agent-join ${ofAgents}`);
    });
}
