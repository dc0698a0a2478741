import { useEffect, useRef } from 'react';
import styles from './microphone-meter.module.css';

/** Bars of the meter. */
const BARS = 8;

/** What counts as full scale: a voice close to the microphone. */
const FULL_SCALE = 0.25;

/** Shows that the microphone hears something. */
export function MicrophoneMeter({ track }: { track: MediaStreamTrack | undefined }) {
  const meter = useRef<HTMLSpanElement>(null);
  useEffect(() => {
    if (!track) return;
    const context = new AudioContext();
    const analyser = context.createAnalyser();
    analyser.fftSize = 512;
    const source = context.createMediaStreamSource(new MediaStream([track]));
    source.connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    let frame = 0;
    let level = 0;
    const draw = () => {
      analyser.getFloatTimeDomainData(samples);
      const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
      // Rises at once and falls slowly, as people expect of a meter.
      level = Math.max(Math.min(1, Math.sqrt(power) / FULL_SCALE), level * 0.9);
      const lit = Math.round(level * BARS);
      for (const [index, bar] of [...(meter.current?.children ?? [])].entries()) {
        bar.toggleAttribute('data-lit', index < lit);
      }
      frame = requestAnimationFrame(draw);
    };
    draw();
    return () => {
      cancelAnimationFrame(frame);
      source.disconnect();
      void context.close();
      for (const bar of meter.current?.children ?? []) bar.removeAttribute('data-lit');
    };
  }, [track]);
  return (
    <span ref={meter} className={styles.meter} aria-hidden="true">
      {Array.from({ length: BARS }, (_, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the bars never change places
        <span key={index} />
      ))}
    </span>
  );
}
