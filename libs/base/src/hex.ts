// Ids are bytes on the wire and lower-case hex for people.

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}

/** Throws when `hex` is not an even number of hex digits. */
export function fromHex(hex: string): Uint8Array {
  if (!/^([0-9a-f]{2})*$/i.test(hex)) throw new RangeError(`Not hex: ${hex.slice(0, 64)}`);
  return Uint8Array.from(Buffer.from(hex, 'hex'));
}
