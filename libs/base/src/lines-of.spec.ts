import { linesOf } from './lines-of.ts';

async function linesIn(...parts: readonly string[]): Promise<string[]> {
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => {
      for (const part of parts) controller.enqueue(Buffer.from(part, 'latin1'));
      controller.close();
    },
  });
  const lines: string[] = [];
  for await (const line of linesOf(new Response(body))) lines.push(line);
  return lines;
}

describe('lines of an answer', () => {
  it('are whole, however the answer is cut', async () => {
    const umlaut = Buffer.from('ä').toString('latin1');
    expect(await linesIn('{"a"', ':1}\n{', '"b":"', umlaut.slice(0, 1), umlaut.slice(1), '"}\n\n')).toEqual([
      '{"a":1}',
      '{"b":"ä"}',
      '',
    ]);
  });

  it('leave out what has no end, and are none of an answer without a body', async () => {
    expect(await linesIn('{"a":1}\n{"b"')).toEqual(['{"a":1}']);
    const none: string[] = [];
    for await (const line of linesOf(new Response(null))) none.push(line);
    expect(none).toEqual([]);
  });
});
