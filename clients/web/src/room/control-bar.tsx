import type { Call, LocalMedia, Room } from '@boltorezka/client';
import { Keyboard, PhoneOff, Settings2 } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';
import { Button as AriaButton } from 'react-aria-components';
import { useEvent, useIsNarrow, useObservable } from '../app/hooks.ts';
import { IconButton, WithTooltip } from '../ui/button.tsx';
import { useToast } from '../ui/toasts.tsx';
import styles from './control-bar.module.css';
import { DeviceDialog } from './device-dialog.tsx';
import { CameraToggle, canShareScreen, MicrophoneToggle, ScreenToggle } from './device-toggles.tsx';
import { ShortcutsDialog } from './shortcuts-dialog.tsx';
import { deviceProblemText, hasPictures } from './texts.ts';
import { useShortcuts } from './use-shortcuts.ts';

/** What one does in a call. */
export function ControlBar({ room, media }: { room: Room; media: LocalMedia }) {
  const call = useObservable(room.call);
  const isNarrow = useIsNarrow();
  const [dialog, setDialog] = useState<'devices' | 'shortcuts'>();
  const hasVideo = hasPictures(room.info.kind);
  // Before the first word of the media node the rights are not known; nothing is greyed out for that moment.
  const rights = call.participantId === undefined ? {} : { permissions: call.permissions };
  const first = useRef<HTMLButtonElement>(null);
  useShortcuts(media, hasVideo, rights.permissions);
  useProblemToasts(media);
  useRightToasts(call);

  // The button that was pressed to join is gone; the first control takes its focus.
  useEffect(() => first.current?.focus({ preventScroll: true }), []);

  return (
    <footer className={styles.bar}>
      <div className={styles.side}>
        {!isNarrow && (
          <IconButton label="Keyboard shortcuts (?)" onPress={() => setDialog('shortcuts')}>
            <Keyboard size={19} />
          </IconButton>
        )}
      </div>
      <div className={styles.controls} role="toolbar" aria-label="Call controls">
        <MicrophoneToggle media={media} ref={first} {...rights} />
        {hasVideo && <CameraToggle media={media} {...rights} />}
        {hasVideo && canShareScreen && <ScreenToggle media={media} {...rights} />}
        <IconButton label="Devices" onPress={() => setDialog('devices')}>
          <Settings2 size={20} />
        </IconButton>
        <WithTooltip text="Leave the call">
          <AriaButton aria-label="Leave" className={styles.leave ?? ''} onPress={() => call.leave()}>
            <PhoneOff size={20} />
            {!isNarrow && <span>Leave</span>}
          </AriaButton>
        </WithTooltip>
      </div>
      <div className={styles.side} />
      <DeviceDialog
        media={media}
        call={call}
        hasVideo={hasVideo}
        isOpen={dialog === 'devices'}
        onClose={() => setDialog(undefined)}
      />
      <ShortcutsDialog
        isOpen={dialog === 'shortcuts'}
        onOpen={() => setDialog('shortcuts')}
        onClose={() => setDialog(undefined)}
      />
    </footer>
  );
}

/** A device that cannot be switched on says why. */
function useProblemToasts(media: LocalMedia): void {
  const toast = useToast();
  const before = useRef({ microphone: media.microphoneProblem, camera: media.cameraProblem });
  useEvent(media, 'change', () => {
    for (const kind of ['microphone', 'camera'] as const) {
      const problem = kind === 'microphone' ? media.microphoneProblem : media.cameraProblem;
      if (problem !== undefined && problem !== before.current[kind]) toast(deviceProblemText(kind, problem), 'error');
      before.current[kind] = problem;
    }
  });
}

/** Who is muted by a moderator hears of it, and of the right's return. */
function useRightToasts(call: Call): void {
  const toast = useToast();
  const before = useRef<boolean>(undefined);
  useEvent(call, 'change', () => {
    if (call.participantId === undefined) return;
    const may = call.permissions.microphone;
    if (before.current !== undefined && before.current !== may) {
      toast(may ? 'You may speak again.' : 'A moderator muted you.');
    }
    before.current = may;
  });
}
