import type { Call } from '@boltorezka/client';
import { MicOff, MonitorUp, Pin, PinOff, WifiOff } from 'lucide-react';
import { useEffect, useRef } from 'react';
import { ToggleButton } from 'react-aria-components';
import { useSize } from '../app/hooks.ts';
import { Avatar, avatarColor } from '../ui/avatar.tsx';
import type { StageItem } from './stage-items.ts';
import styles from './tile.module.css';
import { VideoView } from './video-view.tsx';

interface TileProps {
  item: StageItem;
  call: Call;
  isLarge?: boolean;
}

/** One person, or one shared screen. */
export function Tile({ item, call, isLarge = false }: TileProps) {
  const { participant, source, media, isPaused } = item;
  const frame = useRef<HTMLElement>(null);
  const size = useSize(frame);
  useShownSize(call, item, size.height);
  const isScreen = source === 'screen';
  const isOwnScreen = isScreen && participant.isLocal;
  const label = isScreen ? `${participant.name}'s screen` : participant.name;
  const isSpeaking = participant.isSpeaking && participant.microphoneOn && !isScreen;
  const className = [styles.tile, isSpeaking ? styles.speaking : '', isLarge ? styles.large : ''].join(' ');
  return (
    <figure ref={frame} className={className} data-testid={`tile-${item.key}`} data-speaking={isSpeaking}>
      {!isScreen && <Backdrop item={item} height={size.height} />}
      {media && !isOwnScreen && (
        <VideoView track={media} isMirrored={participant.isLocal} fit={isScreen ? 'contain' : 'cover'} label={label} />
      )}
      {isOwnScreen && (
        <div className={styles.note}>
          <MonitorUp size={22} />
          <span>You share your screen</span>
        </div>
      )}
      {(isPaused || participant.isSuspended) && (
        <div className={styles.problem}>
          <WifiOff size={15} />
          <span>{participant.isSuspended ? 'Connection lost' : 'Video paused: slow connection'}</span>
        </div>
      )}
      <figcaption className={styles.caption}>
        {isScreen && <MonitorUp size={14} aria-hidden="true" />}
        {!isScreen && !participant.microphoneOn && (
          <MicOff size={14} aria-label="Muted" role="img" className={styles.muted} />
        )}
        <span className={styles.name}>{participant.isLocal ? `${label} (you)` : label}</span>
      </figcaption>
      {!participant.isLocal && <PinButton item={item} call={call} label={label} />}
    </figure>
  );
}

function Backdrop({ item, height }: { item: StageItem; height: number }) {
  const { participant } = item;
  const size = Math.round(Math.min(120, Math.max(36, height * 0.36)));
  return (
    <div className={styles.backdrop}>
      <span className={styles.glow} style={{ background: avatarColor(participant.userId) }} />
      <Avatar name={participant.name} userId={participant.userId} size={size} />
    </div>
  );
}

function PinButton({ item, call, label }: { item: StageItem; call: Call; label: string }) {
  const { participant, source } = item;
  const isPinned = call.pinned === `${participant.id}/${source}`;
  return (
    <ToggleButton
      className={styles.pin ?? ''}
      aria-label={`Pin ${label}`}
      isSelected={isPinned}
      onChange={(pin) => (pin ? call.pin(participant.id, source) : call.pin())}
    >
      {isPinned ? <PinOff size={15} /> : <Pin size={15} />}
    </ToggleButton>
  );
}

/** Lets the server choose a layer that fits the tile. */
function useShownSize(call: Call, { participant, source }: StageItem, height: number): void {
  const { id, isLocal } = participant;
  useEffect(() => {
    if (isLocal || height === 0) return;
    call.show(id, source, height);
  }, [call, id, source, isLocal, height]);
  useEffect(() => {
    if (isLocal) return;
    return () => call.hide(id, source);
  }, [call, id, source, isLocal]);
}
