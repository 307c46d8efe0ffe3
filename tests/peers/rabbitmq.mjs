// The verbs of RabbitMQ's scripts, through amqplib. Each client has a connection with one channel of its own.

import amqp from 'amqplib';
import { patiently, quiet, sleep } from './time.mjs';

const KINDS = { topic: 'topic', direct: 'direct', fanout: 'fanout', headers: 'headers', dead: 'direct' };

/** How long the broker has to take in what is not answered, such as an ack, in milliseconds. */
const SETTLE = 40;

/** How long until what was declared is on disk: a broker that is killed right after a declaration forgets it. */
const WRITTEN = 3000;

class Client {
  static async open(port) {
    const client = new Client();
    client.connection = await patiently(() => amqp.connect({ hostname: '127.0.0.1', port }));
    // A connection that the script cuts, or that ends with its broker, is no error of the driver.
    client.connection.on('error', () => {});
    client.channel = await client.connection.createConfirmChannel();
    client.channel.on('error', () => {});
    client.channel.on('return', ({ properties }) => client.returned.add(properties.messageId));
    return client;
  }

  returned = new Set();
  deliveries = [];
  unacked = new Map();

  /** One message; what the publisher is told. */
  publish(exchange, key, message, options) {
    return new Promise((told) => {
      const done = (refused) => {
        const returned = this.returned.has(message) ? 'returned, ' : '';
        told(`${message} ${returned}${refused ? 'refused' : 'confirmed'}`);
      };
      this.channel.publish(exchange, key, Buffer.from(message), { ...options, messageId: message }, done);
    });
  }

  async consume(queue) {
    await this.channel.consume(queue, (delivery) => {
      if (!delivery) return;
      const message = delivery.content.toString();
      this.unacked.set(message, delivery);
      this.deliveries.push(`${queue}/${message}${delivery.fields.redelivered ? ' again' : ''}${deaths(delivery)}`);
    });
  }

  /** Asks something trivial, so that all before it has been read. */
  async barrier() {
    await this.channel.checkExchange('amq.direct');
    await sleep(SETTLE);
  }

  async cut() {
    this.connection.connection.stream.destroy();
    // The broker is not asked, so it has time to notice.
    await sleep(500);
  }
}

/** The x-death header, and where a dead message was published to. */
function deaths({ properties, fields }) {
  const died = properties.headers?.['x-death'];
  if (!died) return '';
  const list = died.map(({ queue, reason, count }) => `${queue} ${reason} ${count}`).join(', ');
  return ` (${list}) by ${fields.exchange}:${fields.routingKey}`;
}

export class Player {
  static async open(port, restart) {
    const player = new Player();
    Object.assign(player, { port, restart });
    await player.connect();
    player.version = `RabbitMQ ${player.own.connection.connection.serverProperties.version}`;
    for (const [name, kind] of Object.entries(KINDS)) await player.own.channel.assertExchange(name, kind);
    return player;
  }

  clients = new Map();
  queues = new Set();

  async connect() {
    this.own = await Client.open(this.port);
  }

  async client(name) {
    if (!this.clients.has(name)) this.clients.set(name, await Client.open(this.port));
    return this.clients.get(name);
  }

  async settle({ as: name }, messages, how) {
    const client = this.clients.get(name);
    for (const message of messages) {
      how(client.channel, client.unacked.get(message));
      client.unacked.delete(message);
      await client.barrier();
    }
  }

  verbs = {
    queue: async (queue, { with: given = {}, as: owner }) => {
      const { durable = true, exclusive = false, ...args } = given;
      this.queues.add(queue);
      const { channel } = owner ? await this.client(owner) : this.own;
      await channel.assertQueue(queue, { durable, exclusive, arguments: args });
    },
    bind: async (queue, { to, key = '', with: args = {}, as: owner }) => {
      const { channel } = owner ? await this.client(owner) : this.own;
      await channel.bindQueue(queue, to, key, args);
    },
    unbind: async (queue, { from, key = '' }) => {
      await this.own.channel.unbindQueue(queue, from, key);
    },
    publish: async (messages, { to = '', key = '', headers = {}, transient, mandatory, ttl }) => {
      const options = { headers, persistent: !transient, mandatory, expiration: ttl };
      const told = [];
      for (const message of messages) told.push(await this.own.publish(to, key, message, options));
      return told;
    },
    consume: async (queues, { as: name, prefetch = 0 }) => {
      const client = await this.client(name);
      await client.channel.prefetch(prefetch);
      for (const queue of queues) await client.consume(queue);
    },
    ack: (messages, step) => this.settle(step, messages, (channel, delivery) => channel.ack(delivery)),
    nack: (messages, step) => {
      return this.settle(step, messages, (channel, delivery) => channel.nack(delivery, false, step.requeue ?? true));
    },
    reject: (messages, step) => {
      return this.settle(step, messages, (channel, delivery) => channel.reject(delivery, step.requeue ?? false));
    },
    drop: async (name) => {
      await this.clients.get(name).cut();
      this.clients.delete(name);
    },
    wait: (ms) => sleep(ms).then(() => undefined),
    crash: () => this.again('KILL'),
    restart: () => this.again('STOP'),
    look: async () => {
      await quiet(() => [...this.clients.values()].reduce((sum, client) => sum + client.deliveries.length, 0));
      const seen = [...this.clients].map(([name, client]) => [name, client.deliveries.splice(0)]);
      return Object.fromEntries(seen.filter(([, deliveries]) => deliveries.length > 0));
    },
    count: async (queues) => {
      await sleep(2 * SETTLE);
      const counts = {};
      for (const queue of queues) counts[queue] = await this.count(queue);
      return counts;
    },
  };

  async again(how) {
    await sleep(WRITTEN);
    await this.restart(how);
    this.clients.clear();
    await this.connect();
  }

  /** How many messages a queue has ready; null when there is no such queue. */
  async count(queue) {
    const channel = await this.own.connection.createChannel();
    channel.on('error', () => {});
    try {
      const { messageCount } = await channel.checkQueue(queue);
      await channel.close();
      return messageCount;
    } catch {
      return null;
    }
  }

  async close() {
    for (const client of this.clients.values()) await client.connection.close().catch(() => {});
    for (const queue of this.queues) await this.own.channel.deleteQueue(queue).catch(() => {});
    await this.own.connection.close().catch(() => {});
  }
}
