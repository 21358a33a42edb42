// How values read on a page. Sentences come from the API; these are units only.
export function relative(time: string, now = Date.now()): string {
  if (time === '') return '–';
  const seconds = Math.round((now - Date.parse(time)) / 1000);
  if (Math.abs(seconds) < 5) return 'now';
  const ago = seconds >= 0;
  const span = Math.abs(seconds);
  const text =
    span < 60
      ? `${span} s`
      : span < 3600
        ? `${Math.floor(span / 60)} min`
        : span < 86_400
          ? `${Math.floor(span / 3600)} h`
          : `${Math.floor(span / 86_400)} d`;
  return ago ? `${text} ago` : `in ${text}`;
}

/** "14:02:11.002", in the reader's own time zone. */
export function clock(time: string, withMillis = true): string {
  if (time === '') return '–';
  const moment = new Date(time);
  const text = moment.toLocaleTimeString('en-GB', { hour12: false });
  return withMillis ? `${text}.${String(moment.getMilliseconds()).padStart(3, '0')}` : text;
}

/** "Tue 24 Nov 2026, 14:02:11.038 UTC+1" for a hover. */
export function exact(time: string): string {
  if (time === '') return 'unknown';
  const day = new Date(time).toLocaleDateString('en-GB', {
    weekday: 'short',
    day: 'numeric',
    month: 'short',
    year: 'numeric',
  });
  return `${day}, ${clock(time)} · ${time}`;
}

export function bytes(size: number): string {
  if (size < 1000) return `${size} B`;
  const units = ['KB', 'MB', 'GB', 'TB'];
  let value = size;
  let unit = -1;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[unit] ?? ''}`;
}

export function grouped(count: number): string {
  return count.toLocaleString('en');
}

/** 48,210,733 → "48.2M". */
export function compact(count: number): string {
  if (count < 10_000) return grouped(count);
  return new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 }).format(count);
}

export function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1) || path;
}

/** "24 Nov 2026", in the reader's own time zone. */
export function date(time: string): string {
  if (time === '') return '–';
  return new Date(time).toLocaleDateString('en-GB', { day: 'numeric', month: 'short', year: 'numeric' });
}

/** Mode bits without the kind of file: "0644". */
export function octal(bits: number): string {
  return (bits & 0o7777).toString(8).padStart(4, '0');
}

/** Mode bits as ls has them, with the octal. */
export function mode(bits: number): string {
  const letters = Array.from('rwxrwxrwx', (letter, index) => ((bits >> (8 - index)) & 1 ? letter : '-')).join('');
  return `${letters} ${octal(bits)}`;
}

/** µs from the first act: "+38 ms", "−0.9 s". */
export function offset(us: number): string {
  const ms = Math.abs(us) / 1000;
  const sign = us < 0 ? '−' : '+';
  if (ms < 1) return `${sign}${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${sign}${Math.round(ms)} ms`;
  if (ms < 60_000) return `${sign}${(ms / 1000).toFixed(1)} s`;
  if (ms < 3_600_000) return `${sign}${Math.round(ms / 60_000)} min`;
  return `${sign}${Math.round(ms / 3_600_000)} h`;
}

export function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
