// How a stage adds what it knows: serialised protobuf messages concatenate, so the columns stay as they came.
import { varintSize, writeVarint } from './wire.ts';

/** The batch with one more length-delimited field; one copy, nothing is parsed. */
export function appendField(batch: Uint8Array, fieldNumber: number, payload: Uint8Array): Uint8Array {
  const tag = fieldNumber * 8 + 2;
  const size = batch.length + varintSize(tag) + varintSize(payload.length) + payload.length;
  const result = Buffer.allocUnsafe(size);
  result.set(batch);
  let position = writeVarint(result, batch.length, tag);
  position = writeVarint(result, position, payload.length);
  result.set(payload, position);
  return result;
}
