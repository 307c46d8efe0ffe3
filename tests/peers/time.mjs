// Waiting, for the drivers of both brokers.

/** How long nothing must have come for all to have come, in milliseconds. */
export const QUIET = 200;

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/** Waits until nothing has been added to a list for a while. */
export async function quiet(length) {
  for (let before = -1; before !== length(); ) {
    before = length();
    await sleep(QUIET);
  }
}

/** Tries until it works: a broker that starts takes a while. */
export async function patiently(attempt, seconds = 60) {
  for (let tries = 0; ; tries += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (tries >= seconds * 4) throw error;
      await sleep(250);
    }
  }
}
