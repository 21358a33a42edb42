// What a restore could give back on a host now, before anybody needs it.
import type { ReactElement } from 'react';
import type { Host } from '../../shared/api/views.ts';
import { bytes, exact, grouped } from '../../shared/format.ts';
import { Icon, type IconName } from '../../shared/ui/icon.tsx';
import { Heading, Panel } from '../../shared/ui/parts.tsx';

interface Share {
  readonly name: string;
  readonly means: string;
  readonly files: number;
  readonly icon: IconName;
  readonly look: string;
}

function sharesOf(host: Host): Share[] {
  return [
    {
      name: 'restorable',
      means: 'their last state is kept',
      files: host.vaultRestorable,
      icon: 'check',
      look: 'bg-good',
    },
    {
      name: 'evicted',
      means: 'their state gave way to newer ones',
      files: host.vaultEvicted,
      icon: 'lost',
      look: 'bg-high',
    },
    {
      name: 'too large',
      means: 'larger than the vault keeps one file',
      files: host.vaultTooLarge,
      icon: 'minus',
      look: 'bg-medium',
    },
  ];
}

export function Vault({ host }: { host: Host }): ReactElement {
  const shares = sharesOf(host);
  const all = shares.reduce((sum, { files }) => sum + files, 0);
  return (
    <Panel>
      <Heading side={host.vaultBytesMax > 0 ? `${bytes(host.vaultBytes)} of ${bytes(host.vaultBytesMax)}` : ''}>
        What a restore could give back
      </Heading>
      <div data-testid="vault" className="flex flex-col gap-3 px-4 py-3">
        <div aria-hidden="true" className="flex h-3 overflow-hidden rounded-full bg-raised">
          {shares.map(({ name, files, look }) => (
            <div key={name} className={look} style={{ width: `${all === 0 ? 0 : (files / all) * 100}%` }} />
          ))}
        </div>
        <dl className="flex flex-wrap gap-x-8 gap-y-2">
          {shares.map(({ name, means, files, icon, look }) => (
            <div key={name} className="flex items-start gap-2">
              <span aria-hidden="true" className={`mt-1.5 h-2.5 w-2.5 rounded-sm ${look}`} />
              <div>
                <dt className="flex items-center gap-1 font-medium">
                  <Icon name={icon} size={13} /> {grouped(files)} {name}
                </dt>
                <dd className="text-xs text-soft">{means}</dd>
              </div>
            </div>
          ))}
        </dl>
        {adviceOf(host).map((advice) => (
          <p key={advice} className="text-soft">
            {advice}
          </p>
        ))}
      </div>
    </Panel>
  );
}

function adviceOf(host: Host): string[] {
  const advice: string[] = [];
  if (host.vaultRestorable + host.vaultEvicted + host.vaultTooLarge === 0)
    advice.push('No file is known yet: what containers and protected directories hold is, as soon as it is used.');
  if (host.vaultEvicted > 0)
    advice.push(
      'Files whose state gave way are kept again at their next change; protect fewer directories to keep more of the rest.',
    );
  if (host.holdsDropped > 0)
    advice.push(
      `The pre-images of ${grouped(host.holdsDropped)} earlier ${host.holdsDropped === 1 ? 'incident' : 'incidents'} gave way to newer ones: restore alerts soon, or release them.`,
    );
  if (host.vaultFilesUnkept > 0)
    advice.push(
      `${grouped(host.vaultFilesUnkept)} of ${grouped(host.vaultFilesPresent)} files in protected directories have no pre-image: they are too large to be copied before they are opened, not copied yet, or not watched by the kernel. ${countedText(host)}`,
    );
  if (host.placesUnwatched > 0) advice.push(unwatchedText(host));
  else if (host.mountsRefused > 0)
    advice.push(
      `${grouped(host.mountsRefused)} ${host.mountsRefused === 1 ? 'directory' : 'directories'} that containers have mounted ${host.mountsRefused === 1 ? 'has' : 'have'} no pre-images: file.preimage.mount below says which and why.`,
    );
  return advice;
}

function countedText({ vaultFilesCountedAt }: Host): string {
  return vaultFilesCountedAt === '' ? '' : `They were counted at ${exact(vaultFilesCountedAt)}.`;
}

/** What is not protected is named, as many of them as the host says. */
function unwatchedText({ placesUnwatched, unwatchedPlaces }: Host): string {
  const named = unwatchedPlaces.map(({ path, reason }) => `${path} (${reason})`).join(', ');
  const more = placesUnwatched - unwatchedPlaces.length;
  return `${grouped(placesUnwatched)} ${placesUnwatched === 1 ? 'place has' : 'places have'} no pre-images: ${named}${more > 0 ? ` and ${grouped(more)} more` : ''}.`;
}
