// Plays the scripts of a real broker through it and prints, for each script, a JSON line with what was observed.
//
// node driver.mjs (rabbitmq|nats) PORT. A line RESTART KILL or RESTART STOP on standard output asks for the broker to be
// killed, or told to stop, and started again; an empty line on standard input says that this was done.

import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

const [peer, port] = process.argv.slice(2);
const files = { rabbitmq: ['rabbitmq'], nats: ['subjects', 'nats', 'jetstream'] };
const input = createInterface({ input: process.stdin });
const lines = input[Symbol.asyncIterator]();
// Whoever started this is gone, and the broker with it.
input.on('close', () => process.exit(1));

async function restart(how) {
  console.log(`RESTART ${how}`);
  await lines.next();
}

/**
 * Finds each step's verb and does it. Every verb gives what was observed, or nothing. `ended` says when each step was
 * over, in milliseconds: our side lets as much virtual time pass, so that a slow machine changes nothing.
 */
async function play(player, script) {
  const [observed, ended, start] = [[], [], performance.now()];
  for (const step of script.steps) {
    const verb = Object.keys(step).find((word) => player.verbs[word]);
    try {
      observed.push((await player.verbs[verb](step[verb], step)) ?? null);
    } catch (error) {
      return { failed: `${JSON.stringify(step)}: ${error} after ${JSON.stringify(observed)}` };
    }
    ended.push(Math.round(performance.now() - start));
  }
  return { observed, ended };
}

const { Player } = await import(`./${peer}.mjs`);
for (const file of files[peer]) {
  const { scripts } = JSON.parse(readFileSync(new URL(`./${file}.json`, import.meta.url)));
  for (const script of scripts) {
    const player = await Player.open(Number(port), restart);
    const played = await play(player, script);
    await player.close();
    console.log(JSON.stringify({ script: script.name, version: player.version, ...played }));
  }
}
process.exit(0);
