// Counts, paths and ids as people read them.

/** "1 file", "7 files". `many` where adding an s is wrong. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString('en')} ${count === 1 ? one : many}`;
}

/** Last part of a path; the whole where there is none. */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1) || path;
}

/** As many digits as a table shows. */
export function shortId(id: string): string {
  return id.slice(0, 12);
}
