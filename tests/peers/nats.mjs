// The verbs of NATS's scripts, through the official client. Each client has a connection of its own.

import { createConnection } from 'node:net';
import { connect, createInbox } from '@nats-io/transport-node';
import { JetStream } from './jetstream.mjs';
import { patiently, quiet, sleep } from './time.mjs';

const RECONNECT = { maxReconnectAttempts: -1, reconnectTimeWait: 500, waitOnFirstConnect: false };

/** How long until the server has written what it writes when it has time, such as which messages are gone. */
const WRITTEN = 3000;

export class Player {
  static async open(port, restart) {
    const player = new Player();
    Object.assign(player, { port, restart });
    player.own = await player.connect();
    player.version = `nats-server ${player.own.info.version}`;
    player.stream = new JetStream(player.own);
    Object.assign(player.verbs, player.stream.verbs);
    return player;
  }

  clients = new Map();
  /** What came since the last look, by client or queue group. */
  seen = new Map();
  received = 0;
  published = 0;

  connect() {
    return patiently(() => connect({ servers: `127.0.0.1:${this.port}`, ...RECONNECT }));
  }

  async client(name) {
    if (!this.clients.has(name)) this.clients.set(name, await this.connect());
    return this.clients.get(name);
  }

  /** A message has come. Which member of a group got it is chance, so a group has one list. */
  take(owner, pattern, number) {
    this.received += 1;
    if (!this.seen.has(owner)) this.seen.set(owner, {});
    const lists = this.seen.get(owner);
    (lists[pattern] ??= []).push(number);
  }

  verbs = {
    world: () => undefined,
    subscribe: async (pattern, { as: name, group, answers }) => {
      const client = await this.client(name);
      const callback = (_, message) => {
        if (answers) message.respond(name);
        else this.take(group ? `group ${group}` : name, pattern, Number(message.string()));
      };
      client.subscribe(pattern, { queue: group, callback });
      await client.flush();
    },
    publish: async (subjects, { times = 1 }) => {
      for (let time = 0; time < times; time += 1) {
        for (const subject of subjects) this.own.publish(subject, String((this.published += 1)));
      }
      await this.own.flush();
    },
    request: async (subject, { times = 1 }) => {
      const outcomes = [];
      for (let time = 0; time < times; time += 1) {
        const outcome = this.own.request(subject, '', { timeout: 1500 });
        outcomes.push(await outcome.then(() => 'answered', (error) => (error.cause ?? error).name.replace('Error', '')));
      }
      return outcomes;
    },
    'ask-all': async (subject) => {
      let answers = 0;
      const inbox = createInbox();
      const gathered = this.own.subscribe(inbox, { callback: (_, { headers }) => (answers += headers?.code ? 0 : 1) });
      this.own.publish(subject, '', { reply: inbox });
      await sleep(1000);
      gathered.unsubscribe();
      return answers;
    },
    drop: async (name) => {
      await this.clients.get(name).close();
      this.clients.delete(name);
      // The server is not asked, so it has time to notice.
      await sleep(500);
    },
    wait: (ms) => sleep(ms).then(() => undefined),
    crash: () => this.again('KILL'),
    restart: () => this.again('STOP'),
    look: async () => {
      await quiet(() => this.received);
      const groups = [...this.seen].filter(([owner]) => owner.startsWith('group '));
      for (const list of groups.flatMap(([, lists]) => Object.values(lists))) list.sort((a, b) => a - b);
      const seen = Object.fromEntries(this.seen);
      this.seen.clear();
      return seen;
    },
    valid: async (patterns) => {
      const valid = {};
      for (const pattern of patterns) valid[pattern] = await isTaken(this.port, pattern);
      return valid;
    },
  };

  async again(how) {
    await sleep(WRITTEN);
    await this.restart(how);
    for (const client of [this.own, ...this.clients.values()]) await patiently(() => client.flush());
    await sleep(2000);
  }

  async close() {
    await this.stream.close();
    for (const client of [this.own, ...this.clients.values()]) await client.close();
  }
}

/** Whether the server takes a SUB with this pattern; a client library might refuse it by itself. */
function isTaken(port, pattern) {
  return new Promise((done) => {
    const socket = createConnection(port, '127.0.0.1');
    let heard = '';
    socket.write(`CONNECT {"verbose":false}\r\nSUB ${pattern} 1\r\nPING\r\n`);
    socket.on('data', (data) => {
      heard += data;
      if (!heard.includes('PONG') && !heard.includes('-ERR')) return;
      socket.destroy();
      done(!heard.includes('-ERR'));
    });
  });
}
