// What somebody received over a stretch of time, read from samples that the page took (`window.probe.samples`).

/** How long the picture in the tile `name` stood still at most, in milliseconds; from the first sample to the last. */
export function longestStop(samples, name) {
  let longest = 0;
  let movedAt = samples[0].at;
  let frames = framesOf(samples[0], name);
  for (const sample of samples) {
    longest = Math.max(longest, sample.at - movedAt);
    // A reconnect begins to count anew.
    if (framesOf(sample, name) !== frames) movedAt = sample.at;
    frames = framesOf(sample, name);
  }
  return longest;
}

/** The longest time in which no sound came at all, in milliseconds. */
export function longestSilence(samples) {
  let longest = 0;
  let heardAt = samples[0].at;
  let packets = packetsOf(samples[0]);
  for (const sample of samples) {
    longest = Math.max(longest, sample.at - heardAt);
    if (packetsOf(sample) !== packets) heardAt = sample.at;
    packets = packetsOf(sample);
  }
  return longest;
}

/** The encodings that the server said it sends, with its reasons, each once, in order. */
export function layers(samples) {
  const all = samples.map((sample) => sample.layers.join(', '));
  return all.filter((layer, index) => layer !== all[index - 1]);
}

/** Frames of the tile `name` in a second, on average. */
export function frameRate(samples, name) {
  const [first, last] = [samples[0], samples.at(-1)];
  return ((framesOf(last, name) - framesOf(first, name)) * 1_000) / (last.at - first.at);
}

/** The heights that the picture in the tile `name` had, each once, in order. */
export function heights(samples, name) {
  const all = samples.map((sample) => sample.tiles[name]?.height).filter((height) => height > 0);
  return all.filter((height, index) => height !== all[index - 1]);
}

/**
 * The largest part of the sound that was made up for what did not come, from 0 to 1, in any stretch of `stretchMs`. A
 * stretch in which hardly any sound was played counts as made up as a whole.
 */
export function concealment(samples, stretchMs) {
  let worst = 0;
  for (const [index, first] of samples.entries()) {
    const last = samples.slice(index).find((sample) => sample.at - first.at >= stretchMs);
    if (last === undefined) break;
    worst = Math.max(worst, concealedBetween(first, last));
  }
  return worst;
}

function concealedBetween(first, last) {
  // The slot that plays: others are silent.
  const parts = Object.entries(last.sounds).map(([id, now]) => {
    const before = first.sounds[id] ?? { packets: 0, samples: 0, concealed: 0 };
    const packets = now.packets - before.packets;
    return { packets, samples: now.samples - before.samples, concealed: now.concealed - before.concealed };
  });
  const playing = parts.reduce((one, other) => (other.packets > one.packets ? other : one), { packets: 0 });
  const due = ((last.at - first.at) / 1_000) * SAMPLE_RATE;
  return playing.packets === 0 || playing.samples < due / 2 ? 1 : playing.concealed / playing.samples;
}

/** Opus plays at this many samples a second. */
const SAMPLE_RATE = 48_000;

function packetsOf(sample) {
  return Object.values(sample.sounds).reduce((sum, sound) => sum + sound.packets, 0);
}

function framesOf(sample, name) {
  return sample.tiles[name]?.framesDecoded ?? 0;
}
