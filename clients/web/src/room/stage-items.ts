import type { Call, LocalMedia, Participant } from '@boltorezka/client';

/** A tile of the stage: a person, or a screen that a person shares. */
export interface StageItem {
  key: string;
  participant: Participant;
  source: 'camera' | 'screen';
  /** What to show, when there is a picture and it reaches us. */
  media: MediaStreamTrack | undefined;
  /** Nothing is sent to us because the connection does not carry it. */
  isPaused: boolean;
}

/** Screens first, then the others by arrival, ourselves last. Who is in the room for its chat alone has no tile. */
export function stageItems(participants: readonly Participant[], media: LocalMedia): StageItem[] {
  const inCall = participants.filter((participant) => participant.inCall);
  const ordered = [...inCall.filter((each) => !each.isLocal), ...inCall.filter((each) => each.isLocal)];
  const screens = ordered.filter((participant) => participant.screenOn).map((each) => itemOf(each, 'screen', media));
  return [...screens, ...ordered.map((each) => itemOf(each, 'camera', media))];
}

function itemOf(participant: Participant, source: 'camera' | 'screen', own: LocalMedia): StageItem {
  const key = source === 'camera' ? participant.id : `${participant.id}-screen`;
  if (participant.isLocal) return { key, participant, source, media: own[source], isPaused: false };
  const track = participant.tracks.get(source);
  const isOn = source === 'camera' ? participant.cameraOn : participant.screenOn;
  const isPaused = isOn && track?.reason === 'paused';
  return { key, participant, source, media: isOn && !isPaused ? track?.media : undefined, isPaused };
}

/** The tile that is shown large: the pinned one, or else the first screen of another person. */
export function focusedItem(items: readonly StageItem[], pinned: Call['pinned']): StageItem | undefined {
  return (
    items.find((item) => pinned !== undefined && pinned === `${item.participant.id}/${item.source}`) ??
    items.find((item) => item.source === 'screen' && !item.participant.isLocal)
  );
}

/** Cuts the list to what has room, keeping the order; whoever speaks or shows a picture goes before the others. */
export function fitting(items: readonly StageItem[], max: number): { shown: StageItem[]; hidden: number } {
  if (items.length <= max) return { shown: [...items], hidden: 0 };
  const rank = (item: StageItem): number => {
    if (item.participant.isLocal) return 0;
    if (item.source === 'screen' || item.participant.isSpeaking) return 1;
    return item.media ? 2 : 3;
  };
  const chosen = new Set(
    [...items]
      .sort((a, b) => rank(a) - rank(b))
      .slice(0, max - 1)
      .map((item) => item.key),
  );
  const shown = items.filter((item) => chosen.has(item.key));
  return { shown, hidden: items.length - shown.length };
}
