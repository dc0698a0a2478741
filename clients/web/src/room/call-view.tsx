import type { LocalMedia, Room } from '@boltorezka/client';
import { ControlBar } from './control-bar.tsx';
import { Stage } from './stage.tsx';

/** The call that we are in. */
export function CallView({ room, media }: { room: Room; media: LocalMedia }) {
  return (
    <>
      <Stage room={room} media={media} />
      <ControlBar room={room} media={media} />
    </>
  );
}
