import { expect, test } from 'vitest';
import { isPicture } from './attachment-kinds.ts';

test('pictures of dots are shown, what may hold scripts is not', () => {
  const shown = (type: string) => isPicture({ id: '1', name: 'a.png', type, sizeBytes: 1 });
  expect(['image/png', 'image/avif'].map(shown)).toEqual([true, true]);
  expect(['image/svg+xml', 'text/html', 'application/pdf'].map(shown)).toEqual([false, false, false]);
});
