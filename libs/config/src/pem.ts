// A PEM file as a ring: while one key takes the place of another, both are in it, and the first is the one in use.

const block = /-----BEGIN ([A-Z ]+)-----[\s\S]*?-----END \1-----/g;

/** Each with the newline at its end, in their order. */
export function pemBlocks(text: string): string[] {
  return [...text.matchAll(block)].map(([found]) => `${found}\n`);
}
