import { type Call, type QualityLevel, qualityLevel } from '@boltorezka/client';
import { Button, Dialog, DialogTrigger, Popover } from 'react-aria-components';
import { useObservable } from '../app/hooks.ts';
import styles from './quality-indicator.module.css';

const TEXTS: Record<QualityLevel, string> = {
  good: 'Good connection',
  fair: 'Fair connection',
  poor: 'Poor connection',
};
const BARS: Record<QualityLevel, number> = { good: 3, fair: 2, poor: 1 };

/** Three bars, with the figures behind them. */
export function QualityIndicator({ call }: { call: Call }) {
  useObservable(call);
  const { quality } = call;
  if (!quality || call.state !== 'connected') return null;
  const level = qualityLevel(quality);
  return (
    <DialogTrigger>
      <Button className={styles.button ?? ''} aria-label={TEXTS[level]}>
        <svg width="18" height="18" viewBox="0 0 18 18" className={styles[level]} aria-hidden="true">
          {[0, 1, 2].map((bar) => (
            <rect
              key={bar}
              x={2 + bar * 5.2}
              y={11 - bar * 4}
              width="3.6"
              height={5 + bar * 4}
              rx="1.2"
              className={bar < BARS[level] ? styles.on : styles.off}
            />
          ))}
        </svg>
      </Button>
      <Popover className={styles.popover ?? ''} placement="bottom end" offset={14}>
        <Dialog aria-label="Connection" className={styles.dialog ?? ''}>
          <p className={styles.title}>{TEXTS[level]}</p>
          <dl className={styles.figures}>
            <dt>Round trip</dt>
            <dd>{quality.rttMs === undefined ? '–' : `${quality.rttMs} ms`}</dd>
            <dt>Lost on the way to others</dt>
            <dd>{percent(quality.uplinkLossRatio)}</dd>
            <dt>Lost on the way to you</dt>
            <dd>{percent(quality.downlinkLossRatio)}</dd>
            <dt>Bandwidth to you</dt>
            <dd>{(quality.downlinkBps / 1e6).toFixed(1)} Mb/s</dd>
          </dl>
        </Dialog>
      </Popover>
    </DialogTrigger>
  );
}

function percent(ratio: number): string {
  return `${(ratio * 100).toFixed(1)} %`;
}
