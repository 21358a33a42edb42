// The console's own small set of icons: 16 px, one stroke width, named by meaning.
import type { ReactElement } from 'react';

const paths = {
  critical: 'M5.2 1.5h5.6l3.7 3.7v5.6l-3.7 3.7H5.2l-3.7-3.7V5.2zM5.5 8h5',
  high: 'M8 1.8 15 14H1zM8 6v4M8 12v.2',
  medium: 'M8 1.5 14.5 8 8 14.5 1.5 8zM8 5v3.5M8 10.8v.2',
  low: 'M8 1.5a6.5 6.5 0 1 1 0 13 6.5 6.5 0 0 1 0-13zM8 7.4v3.8M8 4.8V5',
  informational: 'M8 1.5a6.5 6.5 0 1 1 0 13 6.5 6.5 0 0 1 0-13zM8 7.4v3.8M8 4.8V5',
  check: 'M3 8.5 6.5 12 13 4.5',
  cross: 'M4 4l8 8M12 4l-8 8',
  minus: 'M3.5 8h9',
  undo: 'M3 7h6.5a3.5 3.5 0 1 1 0 7H6M3 7l3-3M3 7l3 3',
  redo: 'M13 7H6.5a3.5 3.5 0 1 0 0 7H10M13 7l-3-3M13 7l-3 3',
  trash: 'M2.5 4h11M6 4V2.5h4V4M4 4l.7 9.5h6.6L12 4M6.7 7v4M9.3 7v4',
  lost: 'M3.5 1.5h6l3 3v10h-9zM6 7.5l4 4M10 7.5l-4 4',
  conflict: 'M5 2v4l6 4v4M11 2v4L5 10v4',
  stop: 'M5.2 1.5h5.6l3.7 3.7v5.6l-3.7 3.7H5.2l-3.7-3.7V5.2zM5.8 5.8l4.4 4.4M10.2 5.8l-4.4 4.4',
  release: 'M3.5 7.5h9v6.5h-9zM5.5 7.5V5a2.5 2.5 0 0 1 4.9-.7',
  archive: 'M1.5 2.5h13v3h-13zM2.5 5.5v8h11v-8M6 8.5h4',
  container: 'M8 1.5 14 4.7v6.6L8 14.5 2 11.3V4.7zM2 4.7l6 3.2 6-3.2M8 7.9v6.6',
  host: 'M2 2.5h12v4.5H2zM2 9h12v4.5H2zM4.5 4.7v.1M4.5 11.2v.1',
  overview: 'M2 8.5h3l1.8-5 2.6 9 1.8-4H14',
  alert: 'M8 2a4 4 0 0 1 4 4c0 4 1.5 5 1.5 5h-11S4 10 4 6a4 4 0 0 1 4-4zM6.5 13.5a1.6 1.6 0 0 0 3 0',
  policy: 'M2.5 3h2M7 3h6.5M2.5 8h2M7 8h6.5M2.5 13h2M7 13h6.5',
  response: 'M8 1.5 13.5 4v4c0 3.4-2.3 5.4-5.5 6.5C4.8 13.4 2.5 11.4 2.5 8V4zM5.7 8l1.7 1.7L10.6 6',
  copy: 'M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3',
  search: 'M7 2.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9zM10.5 10.5 14 14',
  right: 'M6 3.5 10.5 8 6 12.5',
  down: 'M3.5 6 8 10.5 12.5 6',
  up: 'M3.5 10 8 5.5 12.5 10',
  left: 'M10 3.5 5.5 8l4.5 4.5',
  file: 'M3.5 1.5h6l3 3v10h-9zM9.5 1.5v3h3',
  network: 'M8 1.5a6.5 6.5 0 1 1 0 13 6.5 6.5 0 0 1 0-13zM1.5 8h13M8 1.5c-4 4-4 9 0 13M8 1.5c4 4 4 9 0 13',
  process: 'M2 3h12v10H2zM4.5 6l2 2-2 2M8.5 10.2h3',
  clock: 'M8 1.5a6.5 6.5 0 1 1 0 13 6.5 6.5 0 0 1 0-13zM8 4.5V8l2.5 1.8',
  sun: 'M8 5a3 3 0 1 1 0 6 3 3 0 0 1 0-6zM8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1 1M12 12l1 1M13 3l-1 1M4 12l-1 1',
  moon: 'M13.5 9.8A6 6 0 0 1 6.2 2.5a6 6 0 1 0 7.3 7.3z',
  keyboard: 'M1.5 4h13v8.5h-13zM4 7h.1M6.7 7h.1M9.3 7h.1M12 7h.1M5 10h6',
  link: 'M6.5 9.5l3-3M7 4.5l1.5-1.5a2.8 2.8 0 0 1 4 4L11 8.5M9 11.5 7.5 13a2.8 2.8 0 0 1-4-4L5 7.5',
  away: 'M2 2l12 12M4 7.5a6 6 0 0 1 2-1.2M1.8 5.2A9 9 0 0 1 4 3.8M7.5 3a9 9 0 0 1 6.7 2.2M10 6.6a6 6 0 0 1 2 1M8 12v.2',
  key: 'M5.5 7a3.3 3.3 0 1 1 0 6.6 3.3 3.3 0 0 1 0-6.6zM8 8l6-6M11.5 4.5l2 2',
  shield: 'M8 1.5 13.5 4v4c0 3.4-2.3 5.4-5.5 6.5C4.8 13.4 2.5 11.4 2.5 8V4z',
  rule: 'M2 4l1.2 1.2L5.5 3M2 8.5l1.2 1.2L5.5 7.5M2 13h3M8 4h6M8 8.5h6M8 13h6',
  gap: 'M1.5 8h4M10.5 8h4M6.5 5.5l-1 5M10.5 5.5l-1 5',
} as const;

export type IconName = keyof typeof paths;

export function isIconName(name: string): name is IconName {
  return Object.hasOwn(paths, name);
}

export function Icon({
  name,
  size = 16,
  className = '',
}: {
  name: IconName;
  size?: number;
  className?: string;
}): ReactElement {
  return (
    <svg
      aria-hidden="true"
      className={`shrink-0 ${className}`}
      width={size}
      height={size}
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.4"
      strokeLinecap="round"
      strokeLinejoin="round"
    >
      <path d={paths[name]} />
    </svg>
  );
}
