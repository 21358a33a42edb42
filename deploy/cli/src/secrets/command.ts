// `norn secrets`: which keys there are, what an installation elsewhere needs as files, and one key in another's place.
import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { NornError } from '@norn/base';
import { Option, type Command } from 'commander';
import { findInstallation } from '../installation/installation.ts';
import { note, write } from '../print/columns.ts';
import { shellWord } from '../print/shell-word.ts';

interface MakeFlags {
  readonly release: string;
  readonly namespace: string;
  readonly name: readonly string[];
  readonly json?: boolean;
}

interface RotateOptions {
  readonly back?: true;
  readonly finish?: true;
  readonly force?: true;
  readonly forget?: true;
  readonly wait: number;
  readonly folder?: string;
  readonly hosts?: string;
}

/** RFC 1123, as Kubernetes has it for names of releases and namespaces. */
const label = /^[a-z0-9]([a-z0-9-]{0,51}[a-z0-9])?$/;
const keys = ['command', 'authority', 'ingest'] as const;
/** Remediation and ingest look at their files each second. */
const settleMs = 10_000;
/** Kubernetes brings a changed secret to its pods within two minutes. */
const settleElsewhereMs = 300_000;

export function registerSecretsCommand(program: Command): void {
  const secrets = program
    .command('secrets [folder]')
    .description(
      'Show the keys of this installation, and whether one takes another’s place. With a folder: make there the keys, certificates and passwords of an ' +
        'installation in Kubernetes; what is there stays',
    )
    .option('--release <name>', 'name of the Helm release', 'norn')
    .option('--namespace <name>', 'its namespace', 'norn')
    .option('--name <host...>', 'more names or addresses at which agents reach ingest', [])
    .option('--json', 'the keys as JSON')
    .action(async (folder: string | undefined, flags: MakeFlags) => {
      if (folder === undefined) await showKeys(flags.json === true);
      else await makeForKubernetes(folder, flags);
    });
  secrets
    .command('rotate [key]')
    .usage('[options] <key>')
    .description(
      `Put another key in the place of ${keys.join(', ')}. Hosts learn the new one from the old one before it is in use; nothing is restarted, ` +
        'and the old one counts until --finish. One that was interrupted is gone on with',
    )
    .addOption(
      new Option('--back', 'take up the old one again, while it is still there').conflicts([
        'finish',
        'force',
        'forget',
      ]),
    )
    .option('--finish', 'let the one that is not in use go; refused while hosts rely on it')
    .option('--force', 'also without hosts that do not follow, or that rely on the one that goes')
    .option('--forget', 'with --finish, of an authority whose key may be in other hands: what it issued proves nothing')
    .option(
      '--folder <dir>',
      'of secrets that are brought to an installation elsewhere: one step a call, and it says what to do then',
    )
    .option('--hosts <file>', 'with --folder: the hosts, as that installation printed them')
    .option('--wait <seconds>', 'for hosts that are connected', Number, 60)
    .action(rotateKey);
}

async function showKeys(asJson: boolean): Promise<void> {
  const { printKeys } = await import('./show.ts');
  await printKeys(findInstallation(), asJson);
}

async function makeForKubernetes(folder: string, { release, namespace, name }: MakeFlags): Promise<void> {
  for (const given of [release, namespace]) {
    if (!label.test(given)) throw new NornError('name_invalid', `"${given}" can not be a name in Kubernetes`);
  }
  const [{ makeServiceSecrets }, { lostText }, { lackedNames }] = await Promise.all([
    import('../compose/secrets.ts'),
    import('../compose/store-certificates.ts'),
    import('../compose/asked-names.ts'),
  ]);
  const at = (service: string): string[] => {
    const short = `${release}-${service}`;
    return [short, `${short}.${namespace}`, `${short}.${namespace}.svc`, `${short}.${namespace}.svc.cluster.local`];
  };
  const place = resolve(folder);
  const before = filesIn(place);
  const names = { ingest: [...at('ingest'), ...name], stores: at };
  const lost = await makeServiceSecrets(place, names);
  const made = filesIn(place).filter((file) => !before.includes(file) && !lost.files.includes(file));
  // Of a folder that is begun with, nobody misses anything.
  if (before.length > 0 && made.length > 0)
    note(
      `Made in ${place}, for they were not there: ${made.join(', ')}. If the installation has others of these names, put those back from its secret; ` +
        'if it has none, bring them there',
    );
  if (lost.files.length > 0) note(lostText(place, lost));
  for (const sentence of lackedNames(place, names)) note(sentence);
  const secret = `kubectl -n ${namespace} create secret generic`;
  const from = (path: string): string => `--from-file=${shellWord(path)}`;
  write(`${secret} norn-secrets ${from(place)}`);
  const ofAgents = ['join.token', 'authority.cert.pem'].map((file) => from(join(place, file))).join(' ');
  write(`${secret} norn-agent-join ${ofAgents}`);
}

function filesIn(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}

function rotatedKey(given: string | undefined): (typeof keys)[number] {
  if (given === undefined)
    throw new NornError(
      'key_missing',
      `Which key is to be rotated was not said: ./norn secrets rotate KEY, with one of ${keys.join(', ')}`,
    );
  const key = keys.find((each) => each === given);
  if (key !== undefined) return key;
  throw new NornError(
    'key_unknown',
    `"${given.slice(0, 40)}" is no key that is rotated: give one of ${keys.join(', ')}`,
  );
}

function checkFlags(flags: RotateOptions): void {
  if (!Number.isFinite(flags.wait) || flags.wait < 0)
    throw new NornError('wait_invalid', '--wait takes seconds: 0 or more');
  if (flags.forget && !flags.finish)
    throw new NornError('flags_invalid', '--forget goes with --finish: it says what becomes of the one that goes');
  if (flags.hosts !== undefined && flags.folder === undefined)
    throw new NornError('flags_invalid', '--hosts goes with --folder: the hosts of this installation are known here');
}

async function rotateKey(given: string | undefined, flags: RotateOptions): Promise<void> {
  const key = rotatedKey(given);
  checkFlags(flags);
  const [{ readGivenHosts }, { elsewhere, openControl }, { rotate, rotateIngest }, { rotationsOf }] = await Promise.all(
    [import('./given-hosts.ts'), import('./control.ts'), import('./rotate.ts'), import('./show.ts')],
  );
  const installation = findInstallation();
  const isElsewhere = flags.folder !== undefined;
  const folder = isElsewhere ? resolve(flags.folder ?? '') : installation.path('secrets');
  if (isElsewhere && !existsSync(join(folder, 'keys.json')))
    throw new NornError(
      'folder_invalid',
      `${folder} has no keys.json: give the folder that ./norn secrets FOLDER made`,
    );
  // Also where a step asks no host: what was given is to be what the next one needs.
  if (flags.hosts !== undefined) readGivenHosts(flags.hosts);
  const rotation = rotationsOf(folder).find((each) => each.key === key);
  if (flags.hosts !== undefined && rotation === undefined)
    note('No host has to follow the certificate of ingest: what --hosts gives is not looked at');
  const control = isElsewhere ? elsewhere(flags, note, rotation) : await openControl(installation, { changes: true });
  try {
    const bringing = `Bring the files of ${folder} to the stages (deploy/helm/norn/README.md, deploy/compose/README.md).`;
    const running = {
      control,
      tell: note,
      ...(isElsewhere
        ? { settleMs: settleElsewhereMs, bringing, where: ` --folder ${shellWord(folder)}` }
        : { settleMs }),
    };
    await (rotation === undefined ? rotateIngest(folder, flags, running) : rotate(rotation, flags, running));
  } finally {
    await control.close();
  }
}
