import type { Call, LocalMedia, Room } from '@boltorezka/client';
import { Link2 } from 'lucide-react';
import { useEffect, useRef } from 'react';
import { useIsNarrow, useObservable, useSize } from '../app/hooks.ts';
import { Button } from '../ui/button.tsx';
import { useToast } from '../ui/toasts.tsx';
import { GAP, tileSize } from './grid-layout.ts';
import styles from './stage.module.css';
import { fitting, focusedItem, type StageItem, stageItems } from './stage-items.ts';
import { Tile } from './tile.tsx';

/** Most tiles in the grid. More would be too small to be of use. */
const TILES_MAX = 25;
const TILES_MAX_NARROW = 8;

/** Pictures that are received at once at first, and by how many more at a time. */
export const SLOTS = 9;
export const SLOTS_NARROW = 4;
const SLOTS_STEP = 8;

/** Most tiles beside a large one. */
const STRIP_MAX = 6;
const STRIP_MAX_NARROW = 4;

/** Narrowest form of a tile: upright ones suit a phone. */
const ASPECT_MIN = 1.25;
const ASPECT_MIN_NARROW = 0.8;

/** The pictures of a call: a grid, or one large picture with the others in a strip. */
export function Stage({ room, media }: { room: Room; media: LocalMedia }) {
  useObservable(room);
  useObservable(media);
  const call = useObservable(room.call);
  const isNarrow = useIsNarrow();
  const items = stageItems(room.participants, media);
  const focused = focusedItem(items, call.pinned);
  const others = items.filter((item) => item !== focused);
  const isAlone = items.length === 1;
  useEnoughSlots(call, isNarrow);
  return (
    <section className={focused ? styles.focus : styles.grid} aria-label="Call">
      {focused && (
        <div className={styles.large}>
          <Tile item={focused} call={call} isLarge />
        </div>
      )}
      {focused ? (
        others.length > 0 && <Strip items={others} room={room} isNarrow={isNarrow} />
      ) : (
        <Grid items={others} room={room} isNarrow={isNarrow} />
      )}
      {isAlone && <AloneNote room={room} />}
    </section>
  );
}

/** Asks for as many pictures as can be shown at once. */
function useEnoughSlots(call: Call, isNarrow: boolean): void {
  const pictures = call.tracks.filter(({ source }) => source === 'camera' || source === 'screen').length;
  const wanted = isNarrow
    ? SLOTS_NARROW
    : Math.min(TILES_MAX, Math.max(SLOTS, Math.ceil(pictures / SLOTS_STEP) * SLOTS_STEP));
  useEffect(() => void call.setVideoSlots(wanted), [call, wanted]);
}

interface TilesProps {
  items: StageItem[];
  room: Room;
  isNarrow: boolean;
}

function Grid({ items, room, isNarrow }: TilesProps) {
  const area = useRef<HTMLDivElement>(null);
  const size = useSize(area);
  const { shown, hidden } = fitting(items, isNarrow ? TILES_MAX_NARROW : TILES_MAX);
  const count = shown.length + (hidden > 0 ? 1 : 0);
  const tile = tileSize(count, size, isNarrow ? ASPECT_MIN_NARROW : ASPECT_MIN);
  return (
    <div ref={area} className={styles.tiles} style={{ gap: GAP }}>
      {shown.map((item) => (
        <div key={item.key} style={tile}>
          <Tile item={item} call={room.call} />
        </div>
      ))}
      {hidden > 0 && (
        <div style={tile}>
          <MoreTile count={hidden} />
        </div>
      )}
    </div>
  );
}

function Strip({ items, room, isNarrow }: TilesProps) {
  const { shown, hidden } = fitting(items, isNarrow ? STRIP_MAX_NARROW : STRIP_MAX);
  return (
    <div className={styles.strip}>
      {shown.map((item) => (
        <div key={item.key} className={styles.stripTile}>
          <Tile item={item} call={room.call} />
        </div>
      ))}
      {hidden > 0 && (
        <div className={styles.stripTile}>
          <MoreTile count={hidden} />
        </div>
      )}
    </div>
  );
}

function MoreTile({ count }: { count: number }) {
  return <div className={styles.more}>{`+${count} ${count === 1 ? 'other' : 'others'}`}</div>;
}

function AloneNote({ room: { info } }: { room: Room }) {
  const toast = useToast();
  // Nobody else may come in by a link.
  if (info.kind === 'direct') {
    return (
      <div className={styles.alone}>
        <p>{`${info.title} is not in the call yet.`}</p>
      </div>
    );
  }
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(location.href);
      toast('The link is copied. Send it to whom you want to talk with.');
    } catch {
      toast(`Copy this address: ${location.href}`);
    }
  };
  return (
    <div className={styles.alone}>
      <p>You are the only one here.</p>
      <Button variant="secondary" size="small" onPress={() => void copy()}>
        <Link2 size={15} />
        Copy link
      </Button>
    </div>
  );
}
