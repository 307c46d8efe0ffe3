// Plays the scripts of a real broker through it and prints, for each script, a JSON line with what was observed.
//
// node driver.mjs (rabbitmq|nats) PORT. A line RESTART on standard output asks for the broker to be killed and started
// again; an empty line on standard input says that this was done.

import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

const [peer, port] = process.argv.slice(2);
const files = { rabbitmq: ['rabbitmq'], nats: ['subjects', 'nats', 'jetstream'] };
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

async function restart() {
  console.log('RESTART');
  await lines.next();
}

/** Finds the step's verb and does it. Every verb gives what was observed, or nothing. */
async function play(player, script) {
  const observed = [];
  for (const step of script.steps) {
    const verb = Object.keys(step).find((word) => player.verbs[word]);
    if (!verb) throw new Error(`no verb in ${JSON.stringify(step)}`);
    observed.push((await player.verbs[verb](step[verb], step)) ?? null);
  }
  return observed;
}

const { Player } = await import(`./${peer}.mjs`);
for (const file of files[peer]) {
  const { scripts } = JSON.parse(readFileSync(new URL(`./${file}.json`, import.meta.url)));
  for (const script of scripts) {
    const player = await Player.open(Number(port), restart);
    try {
      const observed = await play(player, script);
      console.log(JSON.stringify({ script: script.name, version: player.version, observed }));
    } catch (error) {
      console.log(JSON.stringify({ script: script.name, version: player.version, failed: String(error) }));
    } finally {
      await player.close();
    }
  }
}
process.exit(0);
