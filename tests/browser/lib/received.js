// What somebody received over a stretch of time, read from samples that the page took (`window.probe.samples`).

/** How long the picture in the tile `name` stood still at most, in milliseconds; from the first sample to the last. */
export function longestStop(samples, name) {
  return longestGap(samples, (sample) => framesOf(sample, name));
}

/** The longest time in which no sound came at all, in milliseconds. */
export function longestSilence(samples) {
  return longestGap(samples, packetsOf);
}

/** A page takes a sample each 200 ms. When it took none for so long it had no processor, and neither had its decoders. */
const UNSEEN_MS = 600;

/** The part of the time, from 0 to 1, of which nothing can be said: the machine had no time for the page. */
export function unseen(samples) {
  const gaps = samples.slice(1).map((sample, index) => sample.at - samples[index].at);
  const unseenMs = gaps.filter((gapMs) => gapMs > UNSEEN_MS).reduce((sum, gapMs) => sum + gapMs, 0);
  return unseenMs / (samples.at(-1).at - samples[0].at);
}

/** The longest time in which `count` stayed what it was, of what was seen. */
function longestGap(samples, count) {
  let longest = 0;
  let movedAt = samples[0].at;
  for (const [index, sample] of samples.slice(1).entries()) {
    const before = samples[index];
    const isUnseen = sample.at - before.at > UNSEEN_MS;
    // What came while nobody looked did not come after a longer wait than until then.
    longest = Math.max(longest, (isUnseen ? before.at : sample.at) - movedAt);
    // A reconnect begins to count anew.
    if (isUnseen || count(sample) !== count(before)) movedAt = sample.at;
  }
  return longest;
}

/** How much sound came in the worst stretch of `stretchMs` that was seen, as a part of what came on average. */
export function leastSound(samples, stretchMs) {
  const rate = (first, last) => (packetsOf(last) - packetsOf(first)) / (last.at - first.at);
  const average = rate(samples[0], samples.at(-1));
  let least = 1;
  for (const [index, first] of samples.entries()) {
    const end = samples.findIndex((sample) => sample.at - first.at >= stretchMs);
    if (end < 0) break;
    const stretch = samples.slice(index, end + 1);
    if (unseen(stretch) === 0) least = Math.min(least, rate(first, samples[end]) / average);
  }
  return least;
}

/** The encodings that the server said it sends, with its reasons, each once, in order. */
export function layers(samples) {
  const all = samples.map((sample) => sample.layers.join(', '));
  return all.filter((layer, index) => layer !== all[index - 1]);
}

/** What was sent of each picture: its encoding, height and what held it back, each once, in order. */
export function sent(samples) {
  const running = samples.slice(1).map((sample, index) => {
    const before = new Map(samples[index].sent.map(({ rid, framesSent }) => [rid, framesSent]));
    const moving = sample.sent.filter(({ rid, framesSent }) => framesSent !== (before.get(rid) ?? 0));
    return moving.map(({ rid, height, limitedBy }) => `${rid} ${height} ${limitedBy}`).join(', ');
  });
  const told = running.filter((encodings) => encodings !== '');
  return told.filter((encodings, index) => encodings !== told[index - 1]);
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
