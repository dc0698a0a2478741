import { expect, test } from 'vitest';
import type { WantedTrack } from '../proto.ts';
import { fitToWanted, type WantedParameters, WantedSender } from './wanted.ts';

const simulcast = (): WantedParameters[] =>
  (['q', 'h', 'f'] as const).map((rid, index) => ({ rid, active: true, maxBitrate: 100_000 << index }));

const OWN = new Map([
  ['q', 100_000],
  ['h', 200_000],
  ['f', 400_000],
]);

const only = (...rids: string[]): WantedTrack => ({
  mid: '1',
  encodings: ['q', 'h', 'f'].map((rid) => ({ rid, wanted: rids.includes(rid) })),
  bitrateBps: 50_000,
});

test('what nobody watches is not sent, and comes back when it is wanted', () => {
  const encodings = simulcast();
  expect(fitToWanted(encodings, OWN, only('q'))).toBe(true);
  expect(encodings.map(({ active }) => active)).toEqual([true, false, false]);
  expect(encodings.map(({ maxBitrate }) => maxBitrate)).toEqual([100_000, 200_000, 400_000]);
  expect(fitToWanted(encodings, OWN, only('q'))).toBe(false);
  fitToWanted(encodings, OWN, undefined);
  expect(encodings).toEqual(simulcast());
});

test('a single encoding is as large as the best subscriber can take', () => {
  const own = new Map([[undefined, 2_500_000]]);
  const encodings: WantedParameters[] = [{ active: true, maxBitrate: 2_500_000 }];
  const wanted = (bitrateBps?: number): WantedTrack => ({
    mid: '2',
    encodings: [{ wanted: true }],
    ...(bitrateBps === undefined ? {} : { bitrateBps }),
  });
  fitToWanted(encodings, own, wanted(800_000));
  expect(encodings[0]?.maxBitrate).toBe(800_000);
  fitToWanted(encodings, own, wanted(5_000_000));
  expect(encodings[0]?.maxBitrate).toBe(2_500_000);
  fitToWanted(encodings, new Map(), wanted());
  expect(encodings[0]).not.toHaveProperty('maxBitrate');
});

test('the codec falls back and comes back', () => {
  const encodings = simulcast();
  fitToWanted(encodings, OWN, { ...only('q', 'h', 'f'), codec: 'vp8' });
  expect(encodings.every(({ codec }) => codec?.mimeType === 'video/VP8')).toBe(true);
  fitToWanted(encodings, OWN, only('q', 'h', 'f'));
  expect(encodings.some((encoding) => 'codec' in encoding)).toBe(false);
});

test('changes go one after the other, and a browser that knows no codecs still pauses', async () => {
  let parameters = { encodings: simulcast() } as RTCRtpSendParameters;
  let isBusy = false;
  const seen: boolean[][] = [];
  const sender = {
    getParameters: () => structuredClone(parameters),
    setParameters: async (next: RTCRtpSendParameters) => {
      expect(isBusy).toBe(false);
      if (next.encodings.some((encoding) => 'codec' in encoding)) throw new Error('no such thing');
      isBusy = true;
      await Promise.resolve();
      isBusy = false;
      parameters = next;
      seen.push(next.encodings.map(({ active }) => active ?? true));
    },
  } as unknown as RTCRtpSender;
  const follower = new WantedSender(sender, simulcast());
  void follower.follow(only('q'));
  void follower.follow(only('h'));
  await follower.follow({ ...only('f'), codec: 'vp8' });
  expect(seen.at(-1)).toEqual([false, false, true]);
});
