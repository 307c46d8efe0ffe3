// The verbs of JetStream's scripts: one stream, one durable pull consumer, one who takes from it.

import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { createInbox, nanos } from '@nats-io/transport-node';
import { patiently, QUIET, sleep } from './time.mjs';

const STREAM = 'PEER';
const CONSUMER = 'workers';
const ADVISORIES = '$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.>';

export class JetStream {
  constructor(connection) {
    this.connection = connection;
  }

  /** Deliveries by task: the replies that acknowledge them, oldest first. */
  deliveries = new Map();
  advisories = [];

  async manager() {
    this.known ??= await patiently(() => jetstreamManager(this.connection));
    return this.known;
  }

  async settle(tasks, word, { delivery }) {
    for (const task of tasks) {
      const replies = this.deliveries.get(task);
      this.connection.publish(delivery ? replies[delivery - 1] : replies.at(-1), word);
    }
    await this.connection.flush();
    await sleep(100);
  }

  verbs = {
    stream: async ({ max_age = 0, duplicate_window, ...given }) => {
      const manager = await this.manager();
      const times = { max_age: nanos(max_age), duplicate_window: nanos(duplicate_window ?? 120000) };
      await manager.streams.add({ name: STREAM, subjects: ['tasks'], ...given, ...times });
      this.connection.subscribe(ADVISORIES, {
        callback: (_, message) => {
          const { stream_seq: seq, deliveries } = message.json();
          this.advisories.push(`${seq} after ${deliveries}`);
        },
      });
    },
    consumer: async ({ ack_wait = 30000, backoff, ...given }) => {
      const times = { ack_wait: nanos(ack_wait), backoff: backoff?.map(nanos) };
      const config = { durable_name: CONSUMER, ack_policy: 'explicit', ...given, ...times };
      await (await this.manager()).consumers.add(STREAM, config);
    },
    store: async (tasks, { ids = true }) => {
      const told = [];
      for (const task of tasks) {
        const stored = jetstream(this.connection).publish('tasks', task, ids ? { msgID: task } : {});
        told.push(await stored.then(
          ({ seq, duplicate }) => `${task} ${seq}${duplicate ? ' duplicate' : ''}`,
          () => `${task} refused`,
        ));
      }
      return told;
    },
    fetch: async (batch) => {
      const got = [];
      let end;
      const ended = new Promise((done) => (end = done));
      const inbox = createInbox();
      const callback = (_, message) => {
        if (message.headers?.code) return end();
        const [, , , , times, seq, delivery] = message.reply.split('.');
        const task = message.string();
        this.deliveries.set(task, [...(this.deliveries.get(task) ?? []), message.reply]);
        got.push(`${task} is ${seq}, delivery ${delivery}, time ${times}`);
        if (got.length === batch) end();
      };
      const answers = this.connection.subscribe(inbox, { callback });
      const question = JSON.stringify({ batch, no_wait: true });
      this.connection.publish(`$JS.API.CONSUMER.MSG.NEXT.${STREAM}.${CONSUMER}`, question, { reply: inbox });
      await Promise.race([ended, sleep(5 * QUIET)]);
      answers.unsubscribe();
      return got;
    },
    ack: async (tasks, step) => {
      if (!step.double) return this.settle(tasks, '+ACK', step);
      const told = [];
      for (const task of tasks) {
        const answered = this.connection.request(this.deliveries.get(task).at(-1), '+ACK', { timeout: 1000 });
        told.push(await answered.then(() => `${task} confirmed`, () => `${task} not confirmed`));
      }
      return told;
    },
    nak: (tasks, step) => {
      const word = step.delay ? `-NAK ${JSON.stringify({ delay: nanos(step.delay) })}` : '-NAK';
      return this.settle(tasks, word, step);
    },
    term: (tasks, step) => this.settle(tasks, '+TERM', step),
    progress: (tasks, step) => this.settle(tasks, '+WPI', step),
    stored: async () => {
      const { state } = await (await this.manager()).streams.info(STREAM);
      return { messages: state.messages, last: state.last_seq };
    },
    pending: async () => {
      const info = await (await this.manager()).consumers.info(STREAM, CONSUMER);
      return { unacknowledged: info.num_ack_pending, floor: info.ack_floor.stream_seq, fresh: info.num_pending };
    },
    advisories: async () => {
      await sleep(QUIET);
      return this.advisories.splice(0);
    },
  };

  async close() {
    if (this.known) await this.known.streams.delete(STREAM).catch(() => {});
  }
}
