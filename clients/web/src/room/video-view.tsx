import { useEffect, useRef, useState } from 'react';
import styles from './tile.module.css';

interface VideoViewProps {
  track: MediaStreamTrack;
  isMirrored: boolean;
  fit: 'cover' | 'contain';
  label: string;
}

/** Shows a track; invisible until its first picture is there. */
export function VideoView({ track, isMirrored, fit, label }: VideoViewProps) {
  const video = useRef<HTMLVideoElement>(null);
  const [hasPicture, setHasPicture] = useState(false);
  useEffect(() => {
    const element = video.current;
    if (!element) return;
    element.srcObject = new MediaStream([track]);
    // A muted picture may play without a click everywhere; who closed it meanwhile needs no error.
    element.play().catch(() => undefined);
    return () => {
      element.srcObject = null;
      setHasPicture(false);
    };
  }, [track]);
  const className = [styles.video, styles[fit], isMirrored ? styles.mirrored : '', hasPicture ? '' : styles.empty];
  return (
    <video
      ref={video}
      className={className.join(' ')}
      aria-label={label}
      autoPlay
      playsInline
      muted
      disablePictureInPicture
      onLoadedData={() => setHasPicture(true)}
    />
  );
}
