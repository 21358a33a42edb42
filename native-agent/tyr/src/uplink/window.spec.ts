import { Window } from './window.ts';

const send = (window: Window, position: number) =>
  window.add({ case: 'batch', value: new Uint8Array() }, { position, bytes: 10 });

describe('Window', () => {
  it('acks in the order of seqs and gives the newest position of the spool', () => {
    const window = new Window();
    for (const position of [11, 0, 12, 13]) send(window, position);
    expect(window.ack(1n)).toBe(11);
    expect(window.ack(2n)).toBe(0);
    expect(window.ack(4n)).toBe(13);
    expect(window.size).toBe(0);
  });

  it('keeps seqs when messages are sent again', () => {
    const window = new Window();
    for (const position of [1, 2, 3]) send(window, position);
    window.ack(1n);
    expect(window.from(2n).map(({ seq, position }) => [seq, position])).toEqual([
      [2n, 2],
      [3n, 3],
    ]);
    expect(send(window, 4).seq).toBe(4n);
  });

  it('is full by bytes or by messages', () => {
    const byBytes = new Window();
    byBytes.add({ case: undefined }, { position: 1, bytes: 5 * 1024 * 1024 });
    expect(byBytes.hasRoom()).toBe(false);
    byBytes.ack(1n);
    expect(byBytes.hasRoom()).toBe(true);
    const byMessages = new Window();
    for (let position = 1; position <= 1024; position++) send(byMessages, position);
    expect(byMessages.hasRoom()).toBe(false);
  });
});
