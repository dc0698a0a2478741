import { describe, expect, test } from 'vitest';
import { GAP, tileSize } from './grid-layout.ts';

const columns = (count: number, width: number, height: number, aspectMin = 1.2) =>
  Math.floor((width + GAP) / (tileSize(count, { width, height }, aspectMin).width + GAP));

describe('tile size', () => {
  test('one tile fills the area up to 16:9', () => {
    expect(tileSize(1, { width: 1600, height: 900 }, 1.2)).toEqual({ width: 1600, height: 900 });
    expect(tileSize(1, { width: 2000, height: 900 }, 1.2)).toEqual({ width: 1600, height: 900 });
  });

  test('wide areas get columns, upright ones rows', () => {
    expect(columns(2, 1400, 700)).toBe(2);
    expect(columns(4, 1400, 800)).toBe(2);
    expect(columns(9, 1400, 800)).toBe(3);
    expect(columns(2, 390, 640, 0.75)).toBe(1);
    expect(columns(6, 390, 640, 0.75)).toBe(2);
  });

  test('all tiles fit', () => {
    for (let count = 1; count <= 25; count += 1) {
      for (const [width, height] of [
        [1400, 800],
        [390, 640],
        [700, 300],
      ] as const) {
        const size = tileSize(count, { width, height }, 0.75);
        const across = Math.floor((width + GAP) / (size.width + GAP));
        const rows = Math.ceil(count / across);
        expect(rows * size.height + (rows - 1) * GAP).toBeLessThanOrEqual(height);
        expect(size.width).toBeGreaterThan(0);
      }
    }
  });

  test('no area gives no size', () => {
    expect(tileSize(3, { width: 0, height: 0 }, 1)).toEqual({ width: 0, height: 0 });
  });
});
