import { expect, test } from 'vitest';
import { decodeData, encodeData } from './data.ts';

const text = (value: string) => new TextEncoder().encode(value);

test('a message is its header behind two bytes of length, and any bytes', () => {
  const message = encodeData({ topic: 'é' }, new Uint8Array([0, 255]));
  expect([...message.slice(0, 2)]).toEqual([0, 14]);
  expect(new TextDecoder().decode(message.slice(2, 16))).toBe('{"topic":"é"}');
  expect([...message.slice(16)]).toEqual([0, 255]);
});

test('what is received says who sent it', () => {
  const received = encodeData({ from: 'ann', topic: 'x' } as never, new Uint8Array([7]));
  expect(decodeData('lossy', received.buffer)).toEqual({
    kind: 'lossy',
    from: 'ann',
    topic: 'x',
    payload: new Uint8Array([7]),
  });
  const missed = encodeData({ missed: 3 } as never, new Uint8Array());
  expect(decodeData('reliable', missed.buffer)).toEqual({ missed: 3 });
});

test('what is no message is left out', () => {
  for (const bad of ['', 'x', '\u0000\u0009{}', '\u0000\u0002[}']) {
    expect(decodeData('reliable', text(bad).buffer)).toBeUndefined();
  }
});
