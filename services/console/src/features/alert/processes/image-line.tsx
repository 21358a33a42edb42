// The program of a process: path, hash, package, and what is odd about its file.
import type { ReactElement } from 'react';
import { Link } from 'react-router';
import type { Image } from '../../../shared/api/views.ts';
import { Icon } from '../../../shared/ui/icon.tsx';
import { Id } from '../../../shared/ui/parts.tsx';

const flagMeaning: Readonly<Record<string, string>> = {
  'upper-layer': 'It did not come with the container’s image',
  memfd: 'It ran from memory: there is no file',
  deleted: 'Its file had no name when it started',
  tmpfs: 'It ran from a file system in memory',
  writable: 'Group or others may write it',
  setuid: 'It takes its owner’s rights',
  new: 'Changed after the container, or the agent, started',
};

export function ImageLine({ image }: { image: Image }): ReactElement {
  return (
    <span className="flex flex-wrap items-center gap-x-2 gap-y-1">
      <Link
        to={`/alerts?image=${encodeURIComponent(image.path)}`}
        className="font-mono text-xs hover:text-accent hover:underline"
        title="All alerts with this image"
      >
        {image.path || 'unknown'}
      </Link>
      {image.sha256 === '' ? null : (
        <span className="flex items-center gap-1 text-faint">
          <span className="text-xs">sha256</span>
          <Id value={image.sha256} label="SHA-256" className="text-xs" />
          <Link
            to={`/alerts?sha256=${image.sha256}`}
            title="All alerts with this hash"
            aria-label="All alerts with this hash"
            className="hover:text-accent"
          >
            <Icon name="link" size={12} />
          </Link>
        </span>
      )}
      {image.package === '' ? null : (
        <span data-testid="package" className="text-xs text-soft" title="Unchanged since this package put it there">
          package {image.package} <span className="text-faint">{image.packageVersion}</span>
        </span>
      )}
      {image.environment.map((variable) => (
        <span
          key={variable}
          data-testid="environment"
          className="font-mono text-xs break-all text-soft"
          title="Environment at exec"
        >
          {variable}
        </span>
      ))}
      {image.flags.map((flag) => (
        <span key={flag} className="rounded bg-medium-wash px-1.5 text-xs text-medium" title={flagMeaning[flag]}>
          {flag}
        </span>
      ))}
    </span>
  );
}
