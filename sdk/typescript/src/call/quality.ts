/** What is known about the connection to the media node. */
export interface CallQuality {
  /** Estimated bandwidth towards us, in bits per second. */
  downlinkBps: number;
  /** Share of our packets that did not arrive, 0 to 1. */
  uplinkLossRatio: number;
  /** Share of packets that we lost, 0 to 1. */
  downlinkLossRatio: number;
  rttMs: number | undefined;
}

export type QualityLevel = 'good' | 'fair' | 'poor';

/** Delay above this is felt in a talk (ITU-T G.114 asks for less one way). */
const DELAY_FELT_MS = 160;

/**
 * A judgement for people, by a simplified E-model (ITU-T G.107): 100 less what delay and loss take away. Loss weighs
 * heavily, since each lost percent is heard.
 */
export function qualityLevel(
  quality: Pick<CallQuality, 'uplinkLossRatio' | 'downlinkLossRatio' | 'rttMs'>,
): QualityLevel {
  const delayMs = (quality.rttMs ?? 0) / 2;
  const byDelay = delayMs < DELAY_FELT_MS ? delayMs / 40 : (delayMs - 120) / 10;
  const byLoss = 250 * Math.max(quality.uplinkLossRatio, quality.downlinkLossRatio);
  const score = 100 - byDelay - byLoss;
  if (score >= 80) return 'good';
  return score >= 55 ? 'fair' : 'poor';
}
