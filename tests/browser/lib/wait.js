// Waiting for what will be so, with a word on what was awaited.

/** Longest wait for anything in a scene, in milliseconds: generous, for two busy cores. */
export const PATIENCE_MS = 20_000;

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Asks again and again until `ask` gives something truthy, and returns that. */
export async function until(what, ask, { patienceMs = PATIENCE_MS, intervalMs = 50 } = {}) {
  const deadline = Date.now() + patienceMs;
  let last;
  while (Date.now() < deadline) {
    last = await ask();
    if (last) return last;
    await sleep(intervalMs);
  }
  throw new Error(`never came true: ${what} (last: ${JSON.stringify(last)})`);
}
