// What administrators do raises nothing; what attackers call by the same names does. On a whole installation, without a network.
// @norn-strict
import { execFile } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { ensureDocker, ensureImage } from '@norn/testkit';
import { provideBase } from '@norn/cli';
import { startInstallation, type Installation } from '../e2e/installation.ts';

interface Detail {
  findings: { title: string; severity: string; summary: string; time: string }[];
}

jest.setTimeout(900_000);

const withinMs = 60_000;
const pollMs = 500;
/** Findings of these rules, and of whom; other work of this host, whatever it is, may raise other alerts. */
const ofAdministration: ReadonlyMap<string, RegExp> = new Map([
  ['Password hashes opened by a program that has no part in logins', /./],
  ['Password hashes named to a reading or copying program', /./],
  ['File got the setuid bit outside of an installation', /./],
  ['Program made to run as its owner (setuid)', /./],
  // The memory of others is their own affair.
  ['Program runs from memory or from a deleted file', /runc/],
]);
const package_ = 'norn-quiet-test';

describe('administration', () => {
  const folder = mkdtempSync(join(tmpdir(), 'norn-quiet-'));
  let norn: Installation;

  beforeAll(async () => {
    norn = await startInstallation(7870);
  });
  afterAll(async () => {
    await norn.stop();
    await sh(`dpkg --purge ${package_}`);
    rmSync(folder, { recursive: true, force: true });
  });

  /** Findings of medium and above of those rules, since `from`. */
  const findings = async (from: Date): Promise<string[]> => {
    const alerts = await norn.json<{ id: string }[]>('alerts', '--limit', '100');
    const details = await Promise.all(alerts.map(({ id }) => norn.json<Detail>('alert', id)));
    return details
      .flatMap((detail) => detail.findings)
      .filter(({ severity, time }) => severity !== 'low' && new Date(time) >= from)
      .filter(({ title, summary }) => ofAdministration.get(title)?.test(summary) === true)
      .map(({ summary }) => summary);
  };

  const awaitFinding = async (from: Date, text: string): Promise<string[]> => {
    const deadline = performance.now() + withinMs;
    for (;;) {
      const found = await findings(from);
      if (found.some((summary) => summary.includes(text)) || performance.now() > deadline) return found;
      await sleep(pollMs);
    }
  };

  it('raises nothing: packages with questions and scripts, accounts, look-ups, the start of Docker and of a container', async () => {
    const from = new Date();
    const deb = await makePackage(folder);
    await mustRun(`DEBIAN_FRONTEND=noninteractive apt-get install -y ${deb}`);
    await mustRun(`DEBIAN_FRONTEND=noninteractive dpkg-reconfigure ${package_}`);
    await mustRun(`DEBIAN_FRONTEND=noninteractive apt-get purge -y ${package_}`);
    await mustRun('getent group shadow && getent passwd root && id root && chage -l root && passwd -S root');
    await mustRun('adduser --system --no-create-home norn-quiet && deluser --system norn-quiet');
    await ensureDocker();
    const [image, base] = [await ensureImage(), await provideBase(false, () => undefined)];
    await mustRun(`docker run --rm ${image} sh -c id`);
    const inContainer = `dpkg -i /q.deb && dpkg-reconfigure ${package_} && dpkg --purge ${package_} && useradd -r norn-quiet && getent group shadow`;
    const debian = `docker run --rm -e DEBIAN_FRONTEND=noninteractive -v ${deb}:/q.deb:ro ${base}`;
    await mustRun(`${debian} sh -c '${inContainer}'`);
    // The last word: what came before it has come by then.
    await sh('getent gshadow');
    const found = await awaitFinding(from, 'getent gshadow');
    expect(found.filter((summary) => !summary.includes('getent'))).toEqual([]);
    expect(found).not.toEqual([]);
  });

  const attacks: readonly (readonly [string, (place: string) => string, string])[] = [
    [
      'a cat that is called sshd',
      (at) => `cp /usr/bin/cat ${at}/sshd && cd /etc && ${at}/sshd shado[w]`,
      'sshd opened password hashes',
    ],
    [
      'a perl of his own',
      (at) => `cp /usr/bin/perl ${at}/perl5 && ${at}/perl5 ${at}/read.pl`,
      'perl5 opened password hashes',
    ],
    [
      "perl under another script's name",
      (at) => `bash -c 'exec -a "/usr/bin/perl -w /usr/sbin/dpkg-preconfigure" perl ${at}/read.pl'`,
      'perl opened password hashes',
    ],
    [
      'a shell that is called dpkg',
      (at) => `cp /bin/bash ${at}/dpkg && ${at}/dpkg -c "cp /bin/true ${at}/by-dpkg; chmod 4755 ${at}/by-dpkg; true"`,
      'by-dpkg',
    ],
    [
      'a script that is called postinst',
      (at) => `cp /usr/bin/head ${at}/x-head && sh ${at}/x.postinst`,
      'x-head opened password hashes',
    ],
    [
      'a program put over another',
      () => `unshare -m sh -c 'mount --bind /usr/bin/tail /usr/bin/chage && cd /etc && chage shado[w]'`,
      'chage opened password hashes',
    ],
    [
      'foreign code in a memfd that is called like the copy of runc',
      (at) => `cp ${python()} ${at}/runc && PYTHONHOME=/usr ${at}/runc ${at}/memory.py`,
      'runc_cloned',
    ],
  ];

  it.each(attacks)('%s is told of', async (_name, command, expected) => {
    const from = new Date();
    const at = mkdtempSync(join(folder, 'attack-'));
    writeAttack(at);
    await sh(command(at));
    expect(await awaitFinding(from, expected)).toEqual(expect.arrayContaining([expect.stringContaining(expected)]));
  });
});

const python = (): string => realpathSync('/usr/bin/python3');

function writeAttack(at: string): void {
  writeFileSync(join(at, 'read.pl'), 'open F, "</etc/shadow"; @lines = <F>;\n');
  writeFileSync(join(at, 'x.postinst'), `#!/bin/sh\ncd /etc && ${at}/x-head shado[w]\n`);
  writeFileSync(
    join(at, 'memory.py'),
    'import os\nf = os.memfd_create("runc_cloned:/proc/self/exe")\nos.write(f, open("/bin/true", "rb").read())\n' +
      'os.execv(f"/proc/self/fd/{f}", ["runc", "init"])\n',
  );
}

/** A package with a question of debconf's, whose script looks at the hashes and gives its helper the setuid bit. Returns its file. */
async function makePackage(folder: string): Promise<string> {
  const root = join(folder, 'package');
  mkdirSync(join(root, 'DEBIAN'), { recursive: true });
  mkdirSync(join(root, 'usr/lib', package_), { recursive: true });
  copyFileSync('/bin/true', join(root, 'usr/lib', package_, 'helper'));
  const description = `Package: ${package_}\nVersion: 1\nArchitecture: all\nMaintainer: Norn <norn@example.org>\nDescription: test\n`;
  writeFileSync(join(root, 'DEBIAN/control'), description);
  writeFileSync(
    join(root, 'DEBIAN/templates'),
    `Template: ${package_}/why\nType: string\nDefault: x\nDescription: Why?\n`,
  );
  const scripts = {
    config: `. /usr/share/debconf/confmodule\ndb_input low ${package_}/why || true\ndb_go || true\n`,
    postinst: `. /usr/share/debconf/confmodule\ndb_get ${package_}/why\ngrep -q ^root: /etc/shadow\nchmod 4755 /usr/lib/${package_}/helper\n`,
    postrm: `if [ "$1" = purge ]; then . /usr/share/debconf/confmodule; db_purge; fi\n`,
  };
  for (const [name, text] of Object.entries(scripts)) {
    writeFileSync(join(root, 'DEBIAN', name), `#!/bin/sh\nset -e\n${text}`);
    chmodSync(join(root, 'DEBIAN', name), 0o755);
  }
  const deb = join(folder, `${package_}.deb`);
  if (!existsSync(deb)) await mustRun(`dpkg-deb --root-owner-group --build ${root} ${deb}`);
  return deb;
}

const sh = (command: string): Promise<{ code: number; output: string }> =>
  promisify(execFile)('/bin/sh', ['-c', command]).then(
    ({ stdout }) => ({ code: 0, output: stdout }),
    (error: unknown) => ({ code: 1, output: String(error) }),
  );

async function mustRun(command: string): Promise<void> {
  const { code, output } = await sh(command);
  expect([command, code, code === 0 ? '' : output]).toEqual([command, 0, '']);
}
