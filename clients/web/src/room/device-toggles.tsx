import type { LocalMedia, MediaPermissions } from '@boltorezka/client';
import { Mic, MicOff, MonitorUp, Video, VideoOff } from 'lucide-react';
import type { ReactNode, Ref } from 'react';
import { ToggleButton } from 'react-aria-components';
import { useObservable } from '../app/hooks.ts';
import { savePreferences } from '../app/preferences.ts';
import { WithTooltip } from '../ui/button.tsx';
import styles from './device-toggles.module.css';

interface DeviceToggleProps {
  media: LocalMedia;
  /** The rights in the call; before it everything can be tried. */
  permissions?: MediaPermissions;
  ref?: Ref<HTMLButtonElement>;
}

export function MicrophoneToggle({ media, permissions, ref }: DeviceToggleProps) {
  useObservable(media);
  const isOn = media.microphoneOn;
  const isForbidden = permissions !== undefined && !permissions.microphone;
  return (
    <StateToggle
      name="Microphone"
      tooltip={isForbidden ? 'A moderator muted you' : `${isOn ? 'Mute' : 'Unmute'} (M)`}
      isOn={isOn}
      isDisabled={isForbidden}
      hasProblem={media.microphoneProblem !== undefined}
      onChange={(on) => toggleMicrophone(media, on)}
      {...(ref === undefined ? {} : { ref })}
    >
      {isOn ? <Mic size={20} /> : <MicOff size={20} />}
    </StateToggle>
  );
}

export function CameraToggle({ media, permissions }: DeviceToggleProps) {
  useObservable(media);
  const isOn = media.cameraOn;
  const isForbidden = permissions !== undefined && !permissions.camera;
  return (
    <StateToggle
      name="Camera"
      tooltip={isForbidden ? 'You may not show a camera here' : `${isOn ? 'Camera off' : 'Camera on'} (V)`}
      isOn={isOn}
      isDisabled={isForbidden}
      hasProblem={media.cameraProblem !== undefined}
      onChange={(on) => toggleCamera(media, on)}
    >
      {isOn ? <Video size={20} /> : <VideoOff size={20} />}
    </StateToggle>
  );
}

/** Whether this browser can share a screen; phones cannot. */
export const canShareScreen = 'getDisplayMedia' in (navigator.mediaDevices ?? {});

export function ScreenToggle({ media, permissions }: DeviceToggleProps) {
  useObservable(media);
  const isOn = media.screen !== undefined;
  const isForbidden = permissions !== undefined && !permissions.screen;
  return (
    <StateToggle
      name="Share screen"
      tooltip={isForbidden ? 'You may not share a screen here' : isOn ? 'Stop sharing' : 'Share your screen'}
      isOn={isOn}
      isQuietWhenOff
      isDisabled={isForbidden}
      hasProblem={media.screenProblem !== undefined}
      onChange={(on) => (on ? void media.startScreen() : media.stopScreen())}
    >
      <MonitorUp size={20} />
    </StateToggle>
  );
}

export function toggleMicrophone(media: LocalMedia, on: boolean): void {
  savePreferences({ microphoneOn: on });
  void media.setMicrophone(on);
}

export function toggleCamera(media: LocalMedia, on: boolean): void {
  savePreferences({ cameraOn: on });
  void media.setCamera(on);
}

interface StateToggleProps {
  /** Stays the same; the state is in `aria-pressed`. */
  name: string;
  tooltip: string;
  isOn: boolean;
  /** Off is the usual state, not one to point out. */
  isQuietWhenOff?: boolean;
  isDisabled: boolean;
  hasProblem: boolean;
  onChange(on: boolean): void;
  ref?: Ref<HTMLButtonElement>;
  children: ReactNode;
}

function StateToggle({
  name,
  tooltip,
  isOn,
  isQuietWhenOff = false,
  hasProblem,
  children,
  ...props
}: StateToggleProps) {
  const look = isQuietWhenOff ? (isOn ? styles.active : styles.neutral) : isOn ? styles.neutral : styles.off;
  return (
    <WithTooltip text={tooltip}>
      <ToggleButton {...props} aria-label={name} isSelected={isOn} className={`${styles.toggle} ${look}`}>
        {children}
        {hasProblem && <span className={styles.problem} />}
      </ToggleButton>
    </WithTooltip>
  );
}
