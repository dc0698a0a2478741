/** Pictures wider than this show empty walls; narrower ones cut off shoulders. */
const ASPECT_MAX = 16 / 9;

/** Space between tiles in pixels. */
export const GAP = 8;

export interface TileSize {
  width: number;
  height: number;
}

/**
 * The size that lets `count` equal tiles cover most of an area. `aspectMin` is the narrowest form a tile may take:
 * phones may have upright ones.
 */
export function tileSize(count: number, area: TileSize, aspectMin: number): TileSize {
  let best: TileSize = { width: 0, height: 0 };
  for (let columns = 1; columns <= count; columns += 1) {
    const rows = Math.ceil(count / columns);
    const cellWidth = (area.width - GAP * (columns - 1)) / columns;
    const cellHeight = (area.height - GAP * (rows - 1)) / rows;
    if (cellWidth <= 0 || cellHeight <= 0) continue;
    const aspect = Math.min(ASPECT_MAX, Math.max(aspectMin, cellWidth / cellHeight));
    const width = Math.min(cellWidth, cellHeight * aspect);
    const height = width / aspect;
    if (width * height > best.width * best.height) best = { width: Math.floor(width), height: Math.floor(height) };
  }
  return best;
}
